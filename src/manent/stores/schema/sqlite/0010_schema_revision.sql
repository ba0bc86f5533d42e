-- Additive.
-- The newest file that was applied, in one row. From this file on, `alembic_version` contains the oldest schema whose
-- servers can use the store. Earlier versions of Manent compare that number with the number of their own schema.

CREATE TABLE schema_revision (
    revision VARCHAR(32) NOT NULL,
    CONSTRAINT pk_schema_revision PRIMARY KEY (revision)
);
