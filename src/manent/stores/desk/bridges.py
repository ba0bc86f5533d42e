"""Bridges to other help desks: which server runs them, how far they have read the feed, and their conversations."""

import msgspec

from manent.runtime.ports.desk import Bridge, BridgeLink
from manent.stores.operation import Operation


def find_bridge(name: str) -> Operation[Bridge]:
    """See `DeskStore.bridge`."""
    yield (
        (
            "INSERT INTO desk_bridges (name, server, until, position) "
            "VALUES ($1, '', 0, COALESCE((SELECT max(number) FROM desk_feed), 0)) ON CONFLICT DO NOTHING"
        ),
        (name,),
    )
    found = yield ("SELECT server, until, position FROM desk_bridges WHERE name = $1", (name,))
    server, until, position = found[0]
    return Bridge(name=name, server=server, until=until, position=position)


def move_bridge(bridge: Bridge, expected: Bridge) -> Operation[bool]:
    """See `DeskStore.move_bridge`."""
    found = yield (
        (
            "UPDATE desk_bridges SET server = $2, until = $3, position = $4 "
            "WHERE name = $1 AND server = $5 AND until = $6 AND position = $7 RETURNING name"
        ),
        (
            bridge.name,
            bridge.server,
            bridge.until,
            bridge.position,
            expected.server,
            expected.until,
            expected.position,
        ),
    )
    return bool(found)


def find_link(bridge: str, sender_id: str) -> Operation[BridgeLink | None]:
    """See `DeskStore.link`."""
    found = yield (
        "SELECT remote, data, failures, retry_at FROM desk_links WHERE bridge = $1 AND sender_id = $2",
        (bridge, sender_id),
    )
    if not found:
        return None
    remote, data, failures, retry_at = found[0]
    return BridgeLink(
        bridge=bridge,
        sender_id=sender_id,
        remote=remote,
        data=msgspec.json.decode(data),
        failures=failures,
        retry_at=retry_at,
    )


def find_linked(bridge: str, remote: str) -> Operation[str | None]:
    """See `DeskStore.linked`."""
    found = yield ("SELECT sender_id FROM desk_links WHERE bridge = $1 AND remote = $2", (bridge, remote))
    return found[0][0] if found else None


def put_link(link: BridgeLink) -> Operation[None]:
    """See `DeskStore.put_link`."""
    yield (
        (
            "INSERT INTO desk_links (bridge, sender_id, remote, data) VALUES ($1, $2, $3, $4) "
            "ON CONFLICT (bridge, sender_id) DO UPDATE SET remote = excluded.remote, data = excluded.data"
        ),
        (link.bridge, link.sender_id, link.remote, msgspec.json.encode(link.data).decode()),
    )


def postpone_link(bridge: str, sender_id: str, failures: int, retry_at: float) -> Operation[None]:
    """See `DeskStore.postpone_link`."""
    yield (
        (
            "INSERT INTO desk_links (bridge, sender_id, remote, data, failures, retry_at) "
            "VALUES ($1, $2, '', '{}', $3, $4) ON CONFLICT (bridge, sender_id) "
            "DO UPDATE SET failures = excluded.failures, retry_at = excluded.retry_at"
        ),
        (bridge, sender_id, failures, retry_at),
    )


def settle_link(bridge: str, sender_id: str) -> Operation[None]:
    """See `DeskStore.settle_link`."""
    yield (
        "UPDATE desk_links SET failures = 0, retry_at = 0 WHERE bridge = $1 AND sender_id = $2",
        (bridge, sender_id),
    )


def find_due_links(bridge: str, now: float, limit: int) -> Operation[list[str]]:
    """See `DeskStore.due_links`."""
    found = yield (
        (
            "SELECT sender_id FROM desk_links WHERE bridge = $1 AND retry_at > 0 AND retry_at <= $2 "
            "ORDER BY retry_at LIMIT $3"
        ),
        (bridge, now, limit),
    )
    return [sender_id for (sender_id,) in found]


def remove_links(sender_id: str) -> Operation[None]:
    """See `DeskStore.remove_links`."""
    yield ("DELETE FROM desk_links WHERE sender_id = $1", (sender_id,))
