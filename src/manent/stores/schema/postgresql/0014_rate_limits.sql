-- Additive.
-- Rate limits that several servers share. `digest` identifies an address or a visitor, `full_at` is in seconds since
-- the epoch. Expired rows are deleted.

CREATE TABLE rate_limits (
    digest VARCHAR(32) COLLATE "C" NOT NULL,
    full_at DOUBLE PRECISION NOT NULL,
    CONSTRAINT pk_rate_limits PRIMARY KEY (digest)
);

CREATE INDEX ix_rate_limits_full_at ON rate_limits (full_at);
