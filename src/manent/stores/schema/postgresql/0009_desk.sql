-- Additive.
-- The desk: who may use it, and what its pages show. The list, the search, the review, the numbers and the feed are computed
-- from the logs.

CREATE TABLE desk_members (
    id VARCHAR(255) COLLATE "C" NOT NULL,
    name TEXT NOT NULL,
    role VARCHAR(16) NOT NULL,
    avatar TEXT,
    created DOUBLE PRECISION NOT NULL,
    removed DOUBLE PRECISION,
    CONSTRAINT pk_desk_members PRIMARY KEY (id)
);

CREATE TABLE desk_invitations (
    digest VARCHAR(64) NOT NULL,
    member_id VARCHAR(255) COLLATE "C" NOT NULL,
    created DOUBLE PRECISION NOT NULL,
    expires DOUBLE PRECISION NOT NULL,
    used DOUBLE PRECISION,
    CONSTRAINT pk_desk_invitations PRIMARY KEY (digest)
);

CREATE TABLE desk_sessions (
    digest VARCHAR(64) NOT NULL,
    member_id VARCHAR(255) COLLATE "C" NOT NULL,
    created DOUBLE PRECISION NOT NULL,
    expires DOUBLE PRECISION NOT NULL,
    CONSTRAINT pk_desk_sessions PRIMARY KEY (digest)
);

CREATE INDEX ix_desk_sessions_member ON desk_sessions (member_id);

CREATE TABLE desk_audit (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    time DOUBLE PRECISION NOT NULL,
    member_id VARCHAR(255) COLLATE "C" NOT NULL,
    name TEXT NOT NULL,
    action VARCHAR(64) NOT NULL,
    sender_id VARCHAR(255) COLLATE "C",
    detail TEXT NOT NULL
);

CREATE INDEX ix_desk_audit_sender ON desk_audit (sender_id, number) WHERE sender_id IS NOT NULL;

CREATE INDEX ix_desk_audit_member ON desk_audit (member_id, number);

CREATE TABLE desk_conversations (
    sender_id VARCHAR(255) COLLATE "C" NOT NULL,
    epoch VARCHAR(64) NOT NULL,
    seq BIGINT NOT NULL,
    handler VARCHAR(8) NOT NULL,
    operator_id VARCHAR(255) COLLATE "C",
    waiting_since DOUBLE PRECISION NOT NULL,
    updated DOUBLE PRECISION NOT NULL,
    channel VARCHAR(255) COLLATE "C" NOT NULL,
    labels TEXT NOT NULL,
    users BIGINT NOT NULL,
    gone SMALLINT NOT NULL,
    data TEXT NOT NULL,
    CONSTRAINT pk_desk_conversations PRIMARY KEY (sender_id)
);

CREATE INDEX ix_desk_conversations_updated ON desk_conversations (updated, sender_id) WHERE gone = 0;

CREATE INDEX ix_desk_conversations_handler ON desk_conversations (handler, updated, sender_id) WHERE gone = 0;

CREATE INDEX ix_desk_conversations_waiting ON desk_conversations (handler, waiting_since, sender_id)
    WHERE handler = 'queue' AND gone = 0;

CREATE INDEX ix_desk_conversations_operator ON desk_conversations (operator_id, updated, sender_id)
    WHERE operator_id IS NOT NULL AND gone = 0;

CREATE INDEX ix_desk_conversations_channel ON desk_conversations (channel, updated, sender_id) WHERE gone = 0;

CREATE INDEX ix_desk_conversations_gone ON desk_conversations (sender_id) WHERE gone = 1;

CREATE TABLE desk_labels (
    label VARCHAR(64) COLLATE "C" NOT NULL,
    updated DOUBLE PRECISION NOT NULL,
    sender_id VARCHAR(255) COLLATE "C" NOT NULL,
    CONSTRAINT pk_desk_labels PRIMARY KEY (label, updated, sender_id)
);

CREATE INDEX ix_desk_labels_sender ON desk_labels (sender_id);

CREATE TABLE desk_reads (
    member_id VARCHAR(255) COLLATE "C" NOT NULL,
    sender_id VARCHAR(255) COLLATE "C" NOT NULL,
    users BIGINT NOT NULL,
    CONSTRAINT pk_desk_reads PRIMARY KEY (member_id, sender_id)
);

CREATE INDEX ix_desk_reads_sender ON desk_reads (sender_id);

-- Messages that can be found. `words` are the words of the text without case and accents.

CREATE TABLE desk_texts (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sender_id VARCHAR(255) COLLATE "C" NOT NULL,
    seq BIGINT NOT NULL,
    role VARCHAR(8) NOT NULL,
    time DOUBLE PRECISION NOT NULL,
    text TEXT NOT NULL,
    words TEXT NOT NULL,
    text_key VARCHAR(64),
    lexemes TSVECTOR GENERATED ALWAYS AS (array_to_tsvector(string_to_array(words, ' '))) STORED
);

CREATE INDEX ix_desk_texts_sender ON desk_texts (sender_id);

CREATE INDEX ix_desk_texts_key ON desk_texts (text_key) WHERE text_key IS NOT NULL;

CREATE INDEX ix_desk_texts_lexemes ON desk_texts USING gin (lexemes);

CREATE TABLE desk_review (
    text_key VARCHAR(64) NOT NULL,
    text TEXT NOT NULL,
    intent TEXT,
    confidence DOUBLE PRECISION NOT NULL,
    entities TEXT NOT NULL,
    count BIGINT NOT NULL,
    sender_id VARCHAR(255) COLLATE "C" NOT NULL,
    seq BIGINT NOT NULL,
    newest DOUBLE PRECISION NOT NULL,
    CONSTRAINT pk_desk_review PRIMARY KEY (text_key)
);

CREATE INDEX ix_desk_review_confidence ON desk_review (confidence, text_key);

CREATE INDEX ix_desk_review_count ON desk_review (count, text_key);

CREATE INDEX ix_desk_review_newest ON desk_review (newest, text_key);

CREATE TABLE desk_annotations (
    text_key VARCHAR(64) NOT NULL,
    text TEXT NOT NULL,
    intent TEXT,
    entities TEXT NOT NULL,
    member_id VARCHAR(255) COLLATE "C" NOT NULL,
    time DOUBLE PRECISION NOT NULL,
    CONSTRAINT pk_desk_annotations PRIMARY KEY (text_key)
);

CREATE TABLE desk_numbers (
    day BIGINT NOT NULL,
    name VARCHAR(64) COLLATE "C" NOT NULL,
    key VARCHAR(255) COLLATE "C" NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    CONSTRAINT pk_desk_numbers PRIMARY KEY (day, name, key)
);

CREATE TABLE desk_visits (
    day BIGINT NOT NULL,
    visitor VARCHAR(64) NOT NULL,
    CONSTRAINT pk_desk_visits PRIMARY KEY (day, visitor)
);

CREATE TABLE desk_feed (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind VARCHAR(16) NOT NULL,
    time DOUBLE PRECISION NOT NULL,
    sender_id VARCHAR(255) COLLATE "C" NOT NULL,
    first BIGINT NOT NULL,
    last BIGINT NOT NULL,
    data TEXT NOT NULL
);

CREATE INDEX ix_desk_feed_sender ON desk_feed (sender_id);

CREATE TABLE desk_presence (
    server VARCHAR(255) COLLATE "C" NOT NULL,
    member_id VARCHAR(255) COLLATE "C" NOT NULL,
    operator TEXT NOT NULL,
    viewing VARCHAR(255) COLLATE "C",
    until DOUBLE PRECISION NOT NULL,
    CONSTRAINT pk_desk_presence PRIMARY KEY (server, member_id)
);

CREATE TABLE desk_canned (
    key VARCHAR(64) COLLATE "C" NOT NULL,
    text TEXT NOT NULL,
    CONSTRAINT pk_desk_canned PRIMARY KEY (key)
);

CREATE TABLE desk_webhooks (
    id VARCHAR(64) NOT NULL,
    url TEXT NOT NULL,
    secret TEXT NOT NULL,
    events TEXT NOT NULL,
    created DOUBLE PRECISION NOT NULL,
    position BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    retry_at DOUBLE PRECISION NOT NULL,
    CONSTRAINT pk_desk_webhooks PRIMARY KEY (id)
);
