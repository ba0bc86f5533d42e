-- Messages that platforms delivered: waiting ones, and the keys of those that conversations have accepted.

CREATE TABLE inbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    message_key VARCHAR(64) NOT NULL UNIQUE,
    sender_id VARCHAR(255) NOT NULL,
    data TEXT NOT NULL,
    done DOUBLE,
    lease_owner TEXT,
    lease_until DOUBLE
);

CREATE INDEX ix_inbox_waiting ON inbox (sender_id, number) WHERE done IS NULL;

CREATE INDEX ix_inbox_done ON inbox (done) WHERE done IS NOT NULL;

-- The channels that conversations belong to, and how far bot messages are sent over them.

CREATE TABLE routes (
    sender_id VARCHAR(255) NOT NULL,
    channel VARCHAR(255) NOT NULL,
    address VARCHAR(255) NOT NULL,
    reference TEXT NOT NULL,
    epoch VARCHAR(64) NOT NULL,
    seq BIGINT NOT NULL,
    part BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    retry_at DOUBLE NOT NULL,
    lease_owner TEXT,
    lease_until DOUBLE,
    CONSTRAINT pk_routes PRIMARY KEY (sender_id),
    CONSTRAINT uq_routes_address UNIQUE (channel, address)
);

-- Parts of bot messages that platforms refused.

CREATE TABLE undelivered (
    sender_id VARCHAR(255) NOT NULL,
    seq BIGINT NOT NULL,
    part BIGINT NOT NULL,
    reason TEXT NOT NULL,
    time DOUBLE NOT NULL,
    CONSTRAINT pk_undelivered PRIMARY KEY (sender_id, seq, part)
);
