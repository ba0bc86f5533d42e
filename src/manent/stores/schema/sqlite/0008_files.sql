-- Additive.
-- Files that visitors sent. The bytes are in a folder or an object store.

CREATE TABLE files (
    file_id VARCHAR(32) NOT NULL,
    sender_id VARCHAR(255) NOT NULL,
    message_id VARCHAR(128),
    name TEXT NOT NULL,
    mime VARCHAR(128) NOT NULL,
    size BIGINT NOT NULL,
    created DOUBLE NOT NULL,
    state VARCHAR(8) NOT NULL,
    remove_at DOUBLE,
    CONSTRAINT pk_files PRIMARY KEY (file_id)
);

CREATE INDEX ix_files_sender ON files (sender_id);

CREATE INDEX ix_files_created ON files (created);

CREATE INDEX ix_files_remove ON files (remove_at) WHERE remove_at IS NOT NULL;
