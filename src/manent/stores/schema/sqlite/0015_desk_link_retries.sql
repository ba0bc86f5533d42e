-- Additive.
-- Conversations whose comparison with another help desk failed wait for the next attempt without delaying others.

ALTER TABLE desk_links ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;

ALTER TABLE desk_links ADD COLUMN retry_at DOUBLE NOT NULL DEFAULT 0;

CREATE INDEX ix_desk_links_retry ON desk_links (bridge, retry_at) WHERE retry_at > 0;
