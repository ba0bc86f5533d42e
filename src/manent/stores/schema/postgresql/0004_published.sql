-- How far each conversation is published to the event broker.

CREATE TABLE published (
    sender_id VARCHAR(255) COLLATE "C" NOT NULL,
    epoch VARCHAR(64) NOT NULL,
    seq BIGINT NOT NULL,
    lease_owner TEXT,
    lease_until DOUBLE PRECISION,
    CONSTRAINT pk_published PRIMARY KEY (sender_id)
);
