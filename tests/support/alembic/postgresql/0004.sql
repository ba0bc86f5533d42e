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

-- Running upgrade 0001 -> 0002

CREATE TABLE reminders (
    conversation_id INTEGER NOT NULL,
    name VARCHAR(255) NOT NULL,
    seq BIGINT NOT NULL,
    due DOUBLE PRECISION NOT NULL,
    data TEXT NOT NULL,
    CONSTRAINT pk_reminders PRIMARY KEY (conversation_id, name)
);

CREATE INDEX ix_reminders_due ON reminders (due);

UPDATE alembic_version SET version_num='0002' WHERE alembic_version.version_num = '0001';

-- Running upgrade 0002 -> 0003

CREATE TABLE revocations (
    kind VARCHAR(8) NOT NULL,
    value VARCHAR(255) COLLATE "C" NOT NULL,
    issued_before DOUBLE PRECISION,
    lifted BOOLEAN NOT NULL,
    made DOUBLE PRECISION NOT NULL,
    CONSTRAINT pk_revocations PRIMARY KEY (kind, value)
);

CREATE INDEX ix_revocations_made ON revocations (made);

UPDATE alembic_version SET version_num='0003' WHERE alembic_version.version_num = '0002';

-- Running upgrade 0003 -> 0004

CREATE TABLE published (
    sender_id VARCHAR(255) COLLATE "C" NOT NULL,
    epoch VARCHAR(64) NOT NULL,
    seq BIGINT NOT NULL,
    lease_owner TEXT,
    lease_until DOUBLE PRECISION,
    CONSTRAINT pk_published PRIMARY KEY (sender_id)
);

UPDATE alembic_version SET version_num='0004' WHERE alembic_version.version_num = '0003';

COMMIT;

