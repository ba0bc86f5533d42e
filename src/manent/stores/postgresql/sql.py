"""The SQL statements of the PostgreSQL store."""

from manent.stores.head_row import HEAD_COLUMNS

_ID = "(SELECT id FROM conversations WHERE sender_id = $1)"
_ENTRY = f"SELECT seq, format, prev, divider, title, data FROM events WHERE conversation_id = {_ID}"
_HEADS = f"SELECT {HEAD_COLUMNS} FROM conversations"

_WRITE_HEAD = """
    UPDATE conversations SET
        version = $3, visible = $4, divider = $5, session_seq = $6, open_turn = $8,
        plain_seq = greatest(plain_seq, $7),
        lease_owner = $9, owner = $11, started = $12, updated = $13,
        handler = $14, handling = $15,
        lease_until = CASE WHEN lease_owner = $9 THEN greatest(lease_until, $10) ELSE $10 END
    WHERE sender_id = $1 AND epoch = $2 AND version = $16
        AND lease_owner IS NOT DISTINCT FROM $28
    RETURNING id
"""
_WRITE_FIRST_HEAD = f"""
    INSERT INTO conversations ({HEAD_COLUMNS}) VALUES ({", ".join(f"${n}" for n in range(1, 16))})
    ON CONFLICT (sender_id) DO UPDATE SET
        version = $3, visible = $4, divider = $5, session_seq = $6, open_turn = $8,
        plain_seq = greatest(conversations.plain_seq, $7),
        lease_owner = $9, owner = $11, started = $12, updated = $13,
        handler = $14, handling = $15,
        lease_until = CASE WHEN conversations.lease_owner = $9
            THEN greatest(conversations.lease_until, $10) ELSE $10 END
    WHERE conversations.epoch = $2 AND conversations.version = $16
        AND conversations.lease_owner IS NOT DISTINCT FROM $28
    RETURNING id
"""
_WRITE_REST = """
), new_events AS (
    INSERT INTO events (conversation_id, seq, format, prev, divider, title, data)
    SELECT head.id, new.* FROM head, unnest(
        $17::bigint[], $18::smallint[], $19::bigint[], $20::text[], $21::text[], $22::text[]
    ) AS new
), new_accepted AS (
    INSERT INTO accepted (conversation_id, message_id, seq, digest)
    SELECT head.id, new.* FROM head, unnest($23::text[], $24::bigint[], $25::bytea[]) AS new
), new_snapshot AS (
    INSERT INTO snapshots (conversation_id, version, data)
    SELECT head.id, $26::bigint, $27::bytea FROM head WHERE $26::bigint IS NOT NULL
    ON CONFLICT (conversation_id, version) DO UPDATE SET data = excluded.data
), gone_snapshots AS (
    DELETE FROM snapshots USING head WHERE conversation_id = head.id AND snapshots.version = ANY($29::bigint[])
)
SELECT id FROM head
"""
APPEND = f"WITH head AS ({_WRITE_HEAD}{_WRITE_REST}"
"""Writes an append if the head has epoch $2, version $16 and a lease of $28.

If it does not, the statement writes nothing and returns no row. If the owner has renewed its lease in the meantime, the
statement keeps the later end. $1 to $15 are `head_values`, $29 the versions of the snapshots to delete.
"""

APPEND_FIRST = f"WITH head AS ({_WRITE_FIRST_HEAD}{_WRITE_REST}"
"""Inserts a conversation and writes its first append, which expects version 0."""

APPEND_MANY = """
WITH expected AS (
    SELECT conversations.id, new.* FROM unnest(
        $1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[], $7::bigint[], $8::boolean[],
        $9::text[], $10::float8[], $11::text[], $12::float8[], $13::float8[], $14::text[], $15::text[],
        $16::bigint[], $17::text[], $18::integer[]
    ) AS new (
        sender_id, epoch, version, visible, divider, session_seq, plain_seq, open_turn,
        lease_owner, lease_until, owner, started, updated, handler, handling,
        expected_version, expected_owner, number
    ) JOIN conversations ON conversations.sender_id = new.sender_id
    WHERE conversations.epoch = new.epoch AND conversations.version = new.expected_version
        AND conversations.lease_owner IS NOT DISTINCT FROM new.expected_owner
    FOR UPDATE OF conversations SKIP LOCKED
), head AS (
    UPDATE conversations SET
        version = new.version, visible = new.visible, divider = new.divider, session_seq = new.session_seq,
        plain_seq = greatest(conversations.plain_seq, new.plain_seq), open_turn = new.open_turn,
        lease_owner = new.lease_owner,
        lease_until = CASE WHEN conversations.lease_owner = new.lease_owner
            THEN greatest(conversations.lease_until, new.lease_until) ELSE new.lease_until END,
        owner = new.owner, started = new.started, updated = new.updated,
        handler = new.handler, handling = new.handling
    FROM expected AS new WHERE conversations.id = new.id
    RETURNING conversations.id, new.number
), new_events AS (
    INSERT INTO events (conversation_id, seq, format, prev, divider, title, data)
    SELECT head.id, seq, format, prev, divider, title, data FROM head JOIN unnest(
        $19::bigint[], $20::smallint[], $21::bigint[], $22::text[], $23::text[], $24::text[], $25::integer[]
    ) AS new (seq, format, prev, divider, title, data, number) USING (number)
), new_accepted AS (
    INSERT INTO accepted (conversation_id, message_id, seq, digest)
    SELECT head.id, message_id, seq, digest FROM head JOIN unnest(
        $26::text[], $27::bigint[], $28::bytea[], $29::integer[]
    ) AS new (message_id, seq, digest, number) USING (number)
)
SELECT number FROM head
"""
"""Writes appends to different conversations and returns their numbers.

The statement leaves out appends whose conversation has another epoch, version or owner of the lease, and those whose
conversation is locked by another transaction. So it never waits for a lock, and two servers cannot deadlock.
"""

INSERT_HEAD = (
    f"INSERT INTO conversations ({HEAD_COLUMNS}) VALUES ({', '.join(f'${n}' for n in range(1, 16))}) "
    "ON CONFLICT (sender_id) DO NOTHING RETURNING id"
)
"""Inserts a conversation. Returns no row if the conversation exists."""

DELETE = """
WITH gone AS (DELETE FROM conversations WHERE sender_id = ANY($1::text[]) RETURNING id),
    gone_events AS (DELETE FROM events USING gone WHERE conversation_id = gone.id),
    gone_accepted AS (DELETE FROM accepted USING gone WHERE conversation_id = gone.id),
    gone_snapshots AS (DELETE FROM snapshots USING gone WHERE conversation_id = gone.id)
DELETE FROM reminders USING gone WHERE conversation_id = gone.id
"""
"""Deletes conversations and all their data. The caller must have locked the heads."""

HEAD = f"{_HEADS} WHERE sender_id = $1"
HEAD_FOR_UPDATE = f"{HEAD} FOR UPDATE"
HEADS_AFTER = f"{_HEADS} WHERE sender_id > $1 ORDER BY sender_id LIMIT $2"
HANDLED = f"{_HEADS} WHERE handler = $1 AND sender_id > $2 ORDER BY sender_id LIMIT $3"
HEADS_OF_OWNER = f'{_HEADS} WHERE owner = $1 ORDER BY updated DESC, sender_id COLLATE "C" LIMIT $2'
UNFINISHED = (
    f"{_HEADS} WHERE open_turn AND (lease_until IS NULL OR lease_until <= $1 OR lease_owner = ANY($2::text[]))"
    " ORDER BY updated, sender_id LIMIT $3"
)
LEASE_OWNERS = "SELECT DISTINCT lease_owner FROM conversations WHERE open_turn"
RENEW_LEASES = """
WITH renewed AS (
    UPDATE conversations SET lease_until = extract(epoch FROM clock_timestamp())::float8 + $2::float8
    WHERE open_turn AND lease_owner = $1
)
SELECT extract(epoch FROM clock_timestamp())::float8
"""
RELEASE_LEASES = "UPDATE conversations SET lease_owner = NULL, lease_until = NULL WHERE open_turn AND lease_owner = $1"
AGES = "SELECT sender_id, updated FROM conversations WHERE sender_id > $1 ORDER BY sender_id LIMIT $2"
OLD_SENDERS = (
    "SELECT sender_id FROM conversations WHERE sender_id = ANY($1::text[]) AND updated < $2 FOR UPDATE SKIP LOCKED"
)

ENTRIES = f"{_ENTRY} AND seq > $2 ORDER BY seq LIMIT $3"
TAIL = f"SELECT format, data FROM events WHERE conversation_id = {_ID} AND seq > $2 ORDER BY seq DESC LIMIT $3"
SNAPSHOT_VERSIONS = f"SELECT version FROM snapshots WHERE conversation_id = {_ID}"
ACCEPTED = f"SELECT message_id, seq, digest FROM accepted WHERE conversation_id = {_ID} AND message_id = $2"


def _entries_as_arrays(which: str) -> str:
    """Return a subquery that reads log entries as one row with one array per column."""
    columns = ("seq", "format", "prev", "divider", "title", "data")
    arrays = ", ".join(f"array_agg({name}) AS {name}_of_entries" for name in columns)
    return f"""(
        SELECT {arrays} FROM (
            SELECT {", ".join(columns)} FROM events WHERE conversation_id = conversations.id AND {which}
        ) AS entry
    )"""


def _head_and_entries(which: str, snapshot: str = "") -> str:
    """Return a statement that reads a head and log entries consistently, as one row with one array per column."""
    return f"""
        SELECT {HEAD_COLUMNS}, {"snapshot_version, snapshot_data" if snapshot else "NULL, NULL"}, entries.*
        FROM conversations {snapshot} CROSS JOIN LATERAL {_entries_as_arrays(which)} AS entries
        WHERE sender_id = $1
    """


LOAD = _head_and_entries(
    "seq > coalesce(snapshot_version, 0) ORDER BY seq",
    """LEFT JOIN LATERAL (
        SELECT version AS snapshot_version, data AS snapshot_data FROM snapshots
        WHERE conversation_id = conversations.id AND version < coalesce($2, conversations.version + 1)
        ORDER BY version DESC LIMIT 1
    ) AS snapshot ON true""",
)
"""Reads the head, the newest snapshot below version $2, and the entries after it."""

VISIBLE_AFTER = _head_and_entries("seq > $2 AND prev IS NOT NULL ORDER BY seq LIMIT $3")
VISIBLE_BEFORE = _head_and_entries(
    "seq < coalesce($2, conversations.version + 1) AND prev IS NOT NULL ORDER BY seq DESC LIMIT $3"
)

CHANGES = f"""
SELECT asked.number, {HEAD_COLUMNS}, NULL, NULL, entries.*
FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY
    AS asked (asked_id, asked_epoch, asked_version, number)
LEFT JOIN conversations ON sender_id = asked_id
LEFT JOIN LATERAL {
    _entries_as_arrays("epoch = asked_epoch AND seq > asked_version ORDER BY seq LIMIT $4")
} AS entries ON true
WHERE conversations.id IS NULL OR epoch <> asked_epoch OR version <> asked_version
"""
"""Reads the conversations that differ from positions, as the statements above, after the number of the position."""

META = "SELECT value FROM meta WHERE name = $1"
PUT_META = "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING"

PUT_NEW_META = f"{PUT_META} RETURNING name"
SWAP_META = "UPDATE meta SET value = $2 WHERE name = $1 AND value = $3 RETURNING name"

# All parts of a query see the state before the query, so the last part adds the row that the second part writes.
REPORT_SERVER = """
WITH clock AS (SELECT extract(epoch FROM clock_timestamp())::float8 AS now),
expired AS (DELETE FROM servers USING clock WHERE until <= now AND name <> $1),
reported AS (
    INSERT INTO servers (name, until, ready) SELECT $1, now + $3::float8, $2 FROM clock
    ON CONFLICT (name) DO UPDATE SET until = excluded.until, ready = excluded.ready
)
SELECT name, ready FROM servers, clock WHERE until > now AND name <> $1 UNION ALL SELECT $1, $2::bigint
"""
REMOVE_SERVER = "DELETE FROM servers WHERE name = $1"
PUT_MODEL_PART = "INSERT INTO model_parts (digest, number, data) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
MODEL_PART = "SELECT data FROM model_parts WHERE digest = $1 AND number = $2"
KEEP_MODELS = "DELETE FROM model_parts WHERE digest <> ALL($1)"

WRITE_HEALTH = (
    "INSERT INTO meta (name, value) VALUES ('health', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)

PUT_REMINDER = """
INSERT INTO reminders (conversation_id, name, seq, due, data) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (conversation_id, name) DO UPDATE SET seq = excluded.seq, due = excluded.due, data = excluded.data
"""
REMINDERS = "SELECT data FROM reminders WHERE conversation_id = $1"
DROP_REMINDER = "DELETE FROM reminders WHERE conversation_id = $1 AND name = $2"
FIRE_REMINDER = f"{DROP_REMINDER} AND seq = $3 RETURNING seq"
_FREE_REMINDERS = "reminders JOIN conversations ON conversations.id = conversation_id AND handler IS NULL"
"""The reminders of conversations that the bot handles. The others wait."""
DUE_REMINDERS = f"SELECT data FROM {_FREE_REMINDERS} WHERE due <= $1 ORDER BY due LIMIT $2"
NEXT_REMINDER = f"SELECT due FROM {_FREE_REMINDERS} ORDER BY due LIMIT 1"

REVOKE = """
INSERT INTO revocations (kind, value, issued_before, lifted, made) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (kind, value) DO UPDATE SET
    issued_before = excluded.issued_before, lifted = excluded.lifted, made = excluded.made
"""
REVOCATIONS = (
    "SELECT kind, value, issued_before, lifted, made FROM revocations WHERE made >= $1 ORDER BY made, kind, value"
)
"""Returns revocations made at $1 or later."""
LOCK_POSTBOX = "SELECT pg_advisory_xact_lock(hashtext(current_schema() || '.postbox'))"
"""Lock that lets one server at a time claim received messages and routes, so that two servers do not share a
conversation."""
