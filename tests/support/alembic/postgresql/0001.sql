BEGIN;

CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

-- Running upgrade  -> 0001

CREATE TABLE conversations (
    id SERIAL NOT NULL,
    sender_id VARCHAR(255) COLLATE "C" NOT NULL,
    epoch VARCHAR(64) NOT NULL,
    version BIGINT NOT NULL,
    visible BIGINT NOT NULL,
    divider VARCHAR(16),
    session_seq BIGINT NOT NULL,
    plain_seq BIGINT NOT NULL,
    open_turn BOOLEAN NOT NULL,
    lease_owner TEXT,
    lease_until DOUBLE PRECISION,
    owner VARCHAR(255),
    started DOUBLE PRECISION NOT NULL,
    updated DOUBLE PRECISION NOT NULL,
    CONSTRAINT pk_conversations PRIMARY KEY (id),
    CONSTRAINT uq_conversations_sender_id UNIQUE (sender_id)
);

CREATE INDEX ix_conversations_open ON conversations (updated) WHERE open_turn;

CREATE INDEX ix_conversations_owner ON conversations (owner, updated) WHERE owner IS NOT NULL;

CREATE TABLE events (
    conversation_id INTEGER NOT NULL,
    seq BIGINT NOT NULL,
    format SMALLINT NOT NULL,
    prev BIGINT,
    divider VARCHAR(16),
    title TEXT,
    data TEXT NOT NULL,
    CONSTRAINT pk_events PRIMARY KEY (conversation_id, seq)
);

CREATE TABLE accepted (
    conversation_id INTEGER NOT NULL,
    message_id VARCHAR(128) NOT NULL,
    seq BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    CONSTRAINT pk_accepted PRIMARY KEY (conversation_id, message_id)
);

CREATE TABLE snapshots (
    conversation_id INTEGER NOT NULL,
    version BIGINT NOT NULL,
    data BYTEA NOT NULL,
    CONSTRAINT pk_snapshots PRIMARY KEY (conversation_id, version)
);

CREATE TABLE meta (
    name VARCHAR(64) NOT NULL,
    value BYTEA NOT NULL,
    CONSTRAINT pk_meta PRIMARY KEY (name)
);

INSERT INTO alembic_version (version_num) VALUES ('0001') RETURNING alembic_version.version_num;

COMMIT;

