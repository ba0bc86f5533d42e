-- Additive.
-- Who handles each conversation. Both columns are NULL for conversations that no operator has touched.

ALTER TABLE conversations ADD COLUMN handler VARCHAR(8);

ALTER TABLE conversations ADD COLUMN handling TEXT;

CREATE INDEX ix_conversations_handled ON conversations (handler, sender_id) WHERE handler IS NOT NULL;
