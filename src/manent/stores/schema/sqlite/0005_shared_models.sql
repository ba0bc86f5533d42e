-- The servers on this store, and the model that all of them use.

CREATE TABLE servers (
    name VARCHAR(255) NOT NULL,
    until DOUBLE NOT NULL,
    ready BIGINT NOT NULL,
    CONSTRAINT pk_servers PRIMARY KEY (name)
) WITHOUT ROWID;

CREATE TABLE model_parts (
    digest VARCHAR(64) NOT NULL,
    number INTEGER NOT NULL,
    data BLOB NOT NULL,
    CONSTRAINT pk_model_parts PRIMARY KEY (digest, number)
);
