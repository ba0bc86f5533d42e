-- Additive.
-- Conversations with a label in one channel are listed without reading those of other channels.

ALTER TABLE desk_labels ADD COLUMN channel VARCHAR(255) COLLATE "C" NOT NULL DEFAULT '';

UPDATE desk_labels SET channel = COALESCE(
    (SELECT c.channel FROM desk_conversations AS c WHERE c.sender_id = desk_labels.sender_id), ''
);

CREATE INDEX ix_desk_labels_channel ON desk_labels (label, channel, updated, sender_id);
