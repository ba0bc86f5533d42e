-- Tokens revoked before they expire.

CREATE TABLE revocations (
    kind VARCHAR(8) NOT NULL,
    value VARCHAR(255) COLLATE "C" NOT NULL,
    issued_before DOUBLE PRECISION,
    lifted BOOLEAN NOT NULL,
    made DOUBLE PRECISION NOT NULL,
    CONSTRAINT pk_revocations PRIMARY KEY (kind, value)
);

CREATE INDEX ix_revocations_made ON revocations (made);
