-- Additive.
-- Rate limits that several servers share. `digest` identifies an address or a visitor, `full_at` is in seconds since
-- the epoch. Expired rows are deleted.

CREATE TABLE rate_limits (
    digest VARCHAR(32) NOT NULL,
    full_at DOUBLE NOT NULL,
    CONSTRAINT pk_rate_limits PRIMARY KEY (digest)
) WITHOUT ROWID;

CREATE INDEX ix_rate_limits_full_at ON rate_limits (full_at);
