-- Additive.
-- Parts whose sends had an unknown result. They were sent again.

ALTER TABLE undelivered ADD COLUMN is_uncertain SMALLINT NOT NULL DEFAULT 0;
