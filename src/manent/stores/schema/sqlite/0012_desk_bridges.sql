-- Additive.
-- Conversations of the desk in other help desks, and which server writes there.

CREATE TABLE desk_bridges (
    name VARCHAR(64) NOT NULL,
    server VARCHAR(255) NOT NULL,
    until DOUBLE NOT NULL,
    position BIGINT NOT NULL,
    CONSTRAINT pk_desk_bridges PRIMARY KEY (name)
) WITHOUT ROWID;

CREATE TABLE desk_links (
    bridge VARCHAR(64) NOT NULL,
    sender_id VARCHAR(255) NOT NULL,
    remote VARCHAR(255) NOT NULL,
    data TEXT NOT NULL,
    CONSTRAINT pk_desk_links PRIMARY KEY (bridge, sender_id)
) WITHOUT ROWID;

CREATE INDEX ix_desk_links_remote ON desk_links (bridge, remote);

CREATE INDEX ix_desk_links_sender ON desk_links (sender_id);
