"""The feed, who is present, the numbers, canned replies and webhooks."""

from collections.abc import Sequence

import msgspec

from manent.core.events import Operator
from manent.runtime.ports.desk import Canned, Count, FeedRow, Presence, Webhook
from manent.stores.desk.dialect import Dialect, locked
from manent.stores.desk.reads import add_to_feed
from manent.stores.operation import Operation

_WEBHOOK = "id, url, secret, events, created, position, failures, retry_at"


def find_feed(after: int, limit: int) -> Operation[list[FeedRow]]:
    """See `DeskStore.feed`."""
    found = yield (
        (
            "SELECT number, kind, time, sender_id, first, last, data FROM desk_feed WHERE number > $1 "
            "ORDER BY number LIMIT $2"
        ),
        (after, limit),
    )
    return [
        FeedRow(
            number=number,
            kind=kind,
            time=time,
            sender_id=sender_id,
            first=first,
            last=last,
            data=msgspec.json.decode(data),
        )
        for number, kind, time, sender_id, first, last, data in found
    ]


def find_feed_ends() -> Operation[tuple[int, int]]:
    """See `DeskStore.feed_ends`."""
    found = yield (
        (
            "SELECT COALESCE((SELECT number FROM desk_feed ORDER BY number LIMIT 1), 0), "
            "COALESCE((SELECT number FROM desk_feed ORDER BY number DESC LIMIT 1), 0)"
        ),
        (),
    )
    return found[0][0], found[0][1]


def tell(rows: Sequence[FeedRow], dialect: Dialect) -> Operation[None]:
    """See `DeskStore.tell`."""
    yield from locked(dialect)
    yield from add_to_feed(rows)


def trim(feed_before: float, expired_before: float) -> Operation[None]:
    """See `DeskStore.trim`. The newest row remains, because its number is where the next page begins."""
    yield (
        "DELETE FROM desk_feed WHERE time < $1 AND number < (SELECT max(number) FROM desk_feed)",
        (feed_before,),
    )
    yield ("DELETE FROM desk_visits WHERE day < $1", (int(expired_before),))
    yield ("DELETE FROM desk_sessions WHERE expires < $1", (expired_before,))
    yield ("DELETE FROM desk_invitations WHERE expires < $1", (expired_before,))
    yield ("DELETE FROM desk_presence WHERE until < $1", (expired_before,))


def report_presence(presence: Presence) -> Operation[None]:
    """See `DeskStore.report_presence`."""
    yield (
        (
            "INSERT INTO desk_presence (server, member_id, operator, viewing, until) VALUES ($1, $2, $3, $4, $5) "
            "ON CONFLICT (server, member_id) DO UPDATE SET operator = excluded.operator, viewing = excluded.viewing, "
            "until = excluded.until"
        ),
        (
            presence.server,
            presence.operator.id,
            msgspec.json.encode(presence.operator).decode(),
            presence.viewing,
            presence.until,
        ),
    )


def end_presence(server: str, member_id: str | None) -> Operation[None]:
    """See `DeskStore.end_presence`."""
    if member_id is None:
        yield ("DELETE FROM desk_presence WHERE server = $1", (server,))
    else:
        yield ("DELETE FROM desk_presence WHERE server = $1 AND member_id = $2", (server, member_id))


def find_present(now: float) -> Operation[list[Presence]]:
    """See `DeskStore.present`."""
    found = yield (
        "SELECT server, operator, viewing, until FROM desk_presence WHERE until > $1 ORDER BY member_id, server",
        (now,),
    )
    return [
        Presence(
            server=server,
            operator=msgspec.json.decode(operator, type=Operator),
            viewing=viewing,
            until=until,
        )
        for server, operator, viewing, until in found
    ]


def find_counts(since: int, until: int) -> Operation[list[Count]]:
    """See `DeskStore.counts`."""
    found = yield (
        "SELECT day, name, key, value FROM desk_numbers WHERE day >= $1 AND day < $2 ORDER BY day, name, key",
        (since, until),
    )
    return [Count(day=day, name=name, key=key, value=value) for day, name, key, value in found]


def find_canned() -> Operation[list[Canned]]:
    """See `DeskStore.canned`."""
    found = yield ("SELECT key, text FROM desk_canned ORDER BY key", ())
    return [Canned(key=key, text=text) for key, text in found]


def put_canned(canned: Canned) -> Operation[None]:
    """See `DeskStore.put_canned`."""
    if not canned.text:
        yield ("DELETE FROM desk_canned WHERE key = $1", (canned.key,))
        return
    yield (
        "INSERT INTO desk_canned (key, text) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET text = excluded.text",
        (canned.key, canned.text),
    )


def find_webhooks() -> Operation[list[Webhook]]:
    """See `DeskStore.webhooks`."""
    found = yield (f"SELECT {_WEBHOOK} FROM desk_webhooks ORDER BY created, id", ())
    return [
        Webhook(
            id=webhook_id,
            url=url,
            secret=secret,
            events=msgspec.json.decode(events, type=tuple[str, ...]),
            created=created,
            position=position,
            failures=failures,
            retry_at=retry_at,
        )
        for webhook_id, url, secret, events, created, position, failures, retry_at in found
    ]


def put_webhook(one: Webhook) -> Operation[None]:
    """See `DeskStore.put_webhook`."""
    yield (
        f"INSERT INTO desk_webhooks ({_WEBHOOK}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        (
            one.id,
            one.url,
            one.secret,
            msgspec.json.encode(one.events).decode(),
            one.created,
            one.position,
            one.failures,
            one.retry_at,
        ),
    )


def remove_webhook(webhook_id: str) -> Operation[bool]:
    """See `DeskStore.remove_webhook`."""
    return bool((yield ("DELETE FROM desk_webhooks WHERE id = $1 RETURNING id", (webhook_id,))))


def move_webhook(one: Webhook, expected: int) -> Operation[bool]:
    """See `DeskStore.move_webhook`."""
    found = yield (
        (
            "UPDATE desk_webhooks SET position = $2, failures = $3, retry_at = $4 "
            "WHERE id = $1 AND position = $5 RETURNING id"
        ),
        (one.id, one.position, one.failures, one.retry_at, expected),
    )
    return bool(found)
