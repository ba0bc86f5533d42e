-- Tokens revoked before they expire.

CREATE TABLE revocations (
    kind VARCHAR(8) NOT NULL,
    value VARCHAR(255) NOT NULL,
    issued_before DOUBLE,
    lifted BOOLEAN NOT NULL,
    made DOUBLE NOT NULL,
    CONSTRAINT pk_revocations PRIMARY KEY (kind, value)
) WITHOUT ROWID;

CREATE INDEX ix_revocations_made ON revocations (made);
