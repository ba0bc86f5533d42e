-- Additive.
-- Files that visitors sent. The bytes are in a folder or an object store.

CREATE TABLE files (
    file_id VARCHAR(32) COLLATE "C" NOT NULL,
    sender_id VARCHAR(255) COLLATE "C" NOT NULL,
    message_id VARCHAR(128) COLLATE "C",
    name TEXT NOT NULL,
    mime VARCHAR(128) NOT NULL,
    size BIGINT NOT NULL,
    created DOUBLE PRECISION NOT NULL,
    state VARCHAR(8) NOT NULL,
    remove_at DOUBLE PRECISION,
    CONSTRAINT pk_files PRIMARY KEY (file_id)
);

CREATE INDEX ix_files_sender ON files (sender_id);

CREATE INDEX ix_files_created ON files (created);

CREATE INDEX ix_files_remove ON files (remove_at) WHERE remove_at IS NOT NULL;
