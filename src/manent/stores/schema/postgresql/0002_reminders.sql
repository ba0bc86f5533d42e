-- Reminders that survive a restart.

CREATE TABLE reminders (
    conversation_id INTEGER NOT NULL,
    name VARCHAR(255) NOT NULL,
    seq BIGINT NOT NULL,
    due DOUBLE PRECISION NOT NULL,
    data TEXT NOT NULL,
    CONSTRAINT pk_reminders PRIMARY KEY (conversation_id, name)
);

CREATE INDEX ix_reminders_due ON reminders (due);
