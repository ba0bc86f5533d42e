"""Implements the tables `inbox`, `routes` and `undelivered` for all stores.

Each operation is a generator (`operation.py`), and a store runs it in one transaction.
"""

import hashlib
from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from manent.core.conversation_log import Lease
from manent.core.errors import RequestError
from manent.core.postbox import ReceivedMessage, Route, Undelivered
from manent.runtime.ports.store import RoutesBehind
from manent.stores.desk.forgetting import forget_desk
from manent.stores.head_row import lease_of, lease_values
from manent.stores.operation import Operation, T
from manent.stores.schema.steps import Database

_ROUTE_COLUMNS = (
    "sender_id, channel, address, reference, epoch, seq, part, failures, retry_at, lease_owner, lease_until"
)
_INSERT_ROUTE = (
    f"INSERT INTO routes ({_ROUTE_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, 0, 0, 0, NULL, NULL) ON CONFLICT DO NOTHING"
)
_FORGET_BATCH = 1_000


class _Data(msgspec.Struct, frozen=True, array_like=True):
    """The JSON in the column `data` of the table `inbox`. Earlier versions ignore fields that were added at the end."""

    channel: str
    address: str
    message_id: str
    text: str
    title: str | None
    metadata: dict[str, Any]
    traceparent: str | None = None


def message_key(message: ReceivedMessage) -> str:
    """Return the key that identifies repeated deliveries of a message. The key contains none of the visitor's data."""
    parts = msgspec.json.encode((message.channel, message.address, message.message_id))
    return hashlib.sha256(parts).hexdigest()


def receive(message: ReceivedMessage, start: Route, limit: int) -> Operation[ReceivedMessage | None]:
    """See `Postbox.receive`."""
    key = message_key(message)
    if (yield ("SELECT 1 FROM inbox WHERE message_key = $1", (key,))):
        return None
    sender_id = yield from _find_or_insert_route(message, start)
    data = _Data(
        message.channel,
        message.address,
        message.message_id,
        message.text,
        message.title,
        message.metadata,
        message.traceparent,
    )
    inserted = yield (
        "INSERT INTO inbox (message_key, sender_id, data) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING number",
        (key, sender_id, msgspec.json.encode(data, enc_hook=str).decode()),
    )
    if not inserted:
        return None
    waiting = yield ("SELECT count(*) FROM inbox WHERE sender_id = $1 AND done IS NULL", (sender_id,))
    if waiting[0][0] > limit:
        raise RequestError(
            "busy",
            f"too many messages of this conversation are waiting (limit {limit:,})",
            status=429,
            retry_after=10.0,
        )
    return msgspec.structs.replace(message, sender_id=sender_id, number=inserted[0][0])


def _find_or_insert_route(message: ReceivedMessage, start: Route) -> Operation[str]:
    find = (
        "SELECT sender_id, reference FROM routes WHERE channel = $1 AND address = $2",
        (message.channel, message.address),
    )
    reference = msgspec.json.encode(message.reference).decode()
    found = yield find
    other_id = f"{message.channel}:{message.address}"
    for sender_id, epoch, seq in ((start.sender_id, start.epoch, start.seq), (other_id, "", 0)):
        if found:
            break
        yield (_INSERT_ROUTE, (sender_id, message.channel, message.address, reference, epoch, seq))
        found = yield find
    sender_id, before = found[0]
    if before != reference:
        yield ("UPDATE routes SET reference = $1 WHERE sender_id = $2", (reference, sender_id))
    return str(sender_id)


def claim_received(
    lease: Lease, now: float, over: Collection[str], limit: int, names: str
) -> Operation[list[ReceivedMessage]]:
    """See `Postbox.claim_received`. `names`: a subquery with the names in the JSON list `$4`."""
    found = yield (
        f"""
        UPDATE inbox SET lease_owner = $1, lease_until = $2 WHERE number IN (
            SELECT one.number FROM inbox AS one
            WHERE one.done IS NULL
                AND (one.lease_owner IS NULL OR one.lease_until <= $3 OR one.lease_owner IN {names})
                AND NOT EXISTS (
                    SELECT 1 FROM inbox AS other
                    WHERE other.sender_id = one.sender_id AND other.done IS NULL AND other.lease_owner <> $1
                        AND other.lease_until > $3 AND other.lease_owner NOT IN {names}
                )
            ORDER BY one.number LIMIT $5
        )
        RETURNING number, sender_id, data
        """,
        (lease.owner, lease.until, now, _json(over), limit),
    )
    return [_received(*row) for row in sorted(found, key=lambda row: int(row[0]))]


def _received(number: int, sender_id: str, data: str) -> ReceivedMessage:
    one = msgspec.json.decode(data, type=_Data)
    return ReceivedMessage(
        channel=one.channel,
        address=one.address,
        message_id=one.message_id,
        text=one.text,
        title=one.title,
        metadata=one.metadata,
        traceparent=one.traceparent,
        sender_id=sender_id,
        number=number,
    )


def renew_received(lease: Lease) -> Operation[None]:
    """See `Postbox.renew_received`."""
    yield ("UPDATE inbox SET lease_until = $2 WHERE lease_owner = $1 AND done IS NULL", (lease.owner, lease.until))


def release_received(owner: str) -> Operation[None]:
    """See `Postbox.release_received`."""
    yield (
        "UPDATE inbox SET lease_owner = NULL, lease_until = NULL WHERE lease_owner = $1 AND done IS NULL",
        (owner,),
    )


def finish_received(numbers: Sequence[int], now: float) -> Operation[None]:
    """See `Postbox.finish_received`."""
    for number in numbers:
        yield (
            (
                "UPDATE inbox SET done = $2, sender_id = '', data = '', lease_owner = NULL, lease_until = NULL "
                "WHERE number = $1"
            ),
            (number, now),
        )


def received_owners() -> Operation[list[str]]:
    """See `Postbox.received_owners`."""
    found = yield ("SELECT DISTINCT lease_owner FROM inbox WHERE done IS NULL AND lease_owner IS NOT NULL", ())
    return [owner for (owner,) in found]


def count_received() -> Operation[int]:
    """See `Postbox.count_received`."""
    found = yield ("SELECT count(*) FROM inbox WHERE done IS NULL", ())
    return int(found[0][0])


def forget_received(older_than: float) -> Operation[int]:
    """See `Postbox.forget_received`."""
    found = yield (
        "DELETE FROM inbox WHERE number IN (SELECT number FROM inbox WHERE done < $1 LIMIT $2) RETURNING number",
        (older_than, _FORGET_BATCH),
    )
    return len(found)


def open_route(route: Route) -> Operation[Route | None]:
    """See `Postbox.open_route`."""
    find = (f"SELECT {_ROUTE_COLUMNS} FROM routes WHERE sender_id = $1", (route.sender_id,))
    found = yield find
    if not found:
        yield (_INSERT_ROUTE, (route.sender_id, route.channel, route.address, "{}", route.epoch, route.seq))
        found = yield find
    opened = _route(found[0]) if found else None
    return opened if opened is not None and opened.channel == route.channel else None


def find_routes(sender_ids: Sequence[str], names: str) -> Operation[list[Route]]:
    """See `Postbox.routes`. `names`: as in `claim_received`, for `$1`."""
    found = yield (f"SELECT {_ROUTE_COLUMNS} FROM routes WHERE sender_id IN {names}", (_json(sender_ids),))
    return [_route(row) for row in found]


def route_at(channel: str, address: str) -> Operation[Route | None]:
    """See `Postbox.route_at`."""
    found = yield (
        f"SELECT {_ROUTE_COLUMNS} FROM routes WHERE channel = $1 AND address = $2",
        (channel, address),
    )
    return _route(found[0]) if found else None


def has_routes() -> Operation[bool]:
    """See `Postbox.has_routes`."""
    found = yield ("SELECT 1 FROM routes LIMIT 1", ())
    return bool(found)


def routes_behind(after: str, limit: int) -> Operation[RoutesBehind]:
    """See `Postbox.routes_behind`."""
    searched = yield (
        (
            "SELECT count(*), max(sender_id) FROM "
            "(SELECT sender_id FROM routes WHERE sender_id > $1 ORDER BY sender_id LIMIT $2) AS searched"
        ),
        (after, limit),
    )
    count, upto = searched[0]
    columns = ", ".join(f"r.{name}" for name in _ROUTE_COLUMNS.split(", "))
    found = yield (
        (
            f"SELECT {columns} FROM routes AS r JOIN conversations AS c ON c.sender_id = r.sender_id "
            "WHERE r.sender_id > $1 AND r.sender_id <= $2 AND (r.epoch <> c.epoch OR r.seq < c.version)"
        ),
        (after, upto or ""),
    )
    return RoutesBehind(found=tuple(_route(row) for row in found), upto=upto if count == limit else None)


def claim_routes(
    sender_ids: Sequence[str], lease: Lease, now: float, over: Collection[str], names: tuple[str, str]
) -> Operation[list[Route]]:
    """See `Postbox.claim_routes`. `names`: as in `claim_received`, for `$4` and `$5`."""
    found = yield (
        (
            f"UPDATE routes SET lease_owner = $1, lease_until = $2 WHERE sender_id IN {names[0]} AND retry_at <= $3 "
            f"AND (lease_owner IS NULL OR lease_until <= $3 OR lease_owner = $1 OR lease_owner IN {names[1]}) "
            f"RETURNING {_ROUTE_COLUMNS}"
        ),
        (lease.owner, lease.until, now, _json(sender_ids), _json(over)),
    )
    return [_route(row) for row in found]


def move_route(route: Route, owner: str, undelivered: Undelivered | None) -> Operation[bool]:
    """See `Postbox.move_route`."""
    lease_owner, lease_until = lease_values(route.lease)
    found = yield (
        (
            "UPDATE routes SET epoch = $2, seq = $3, part = $4, failures = $5, retry_at = $6, lease_owner = $7, "
            "lease_until = $8 WHERE sender_id = $1 AND lease_owner = $9 AND (epoch = $2 OR NOT EXISTS ("
            "SELECT 1 FROM conversations AS c WHERE c.sender_id = $1 AND c.epoch = routes.epoch)) RETURNING sender_id"
        ),
        (
            route.sender_id,
            route.epoch,
            route.seq,
            route.part,
            route.failures,
            route.retry_at,
            lease_owner,
            lease_until,
            owner,
        ),
    )
    if found and undelivered is not None:
        yield from record_undelivered(route.sender_id, undelivered)
    return bool(found)


def move_to_new_log(sender_id: str, epoch: str, version: int) -> Operation[None]:
    """Move the position of a route behind a log that replaces the old one, whose messages the visitor knows.

    Records about undelivered parts are removed, because their numbers mean other messages in the new log.
    """
    yield ("DELETE FROM undelivered WHERE sender_id = $1", (sender_id,))
    yield (
        "UPDATE routes SET epoch = $2, seq = $3, part = 0, failures = 0 WHERE sender_id = $1",
        (sender_id, epoch, version),
    )


def record_undelivered(sender_id: str, one: Undelivered) -> Operation[None]:
    """See `Postbox.record_undelivered`."""
    yield (
        (
            "INSERT INTO undelivered (sender_id, seq, part, reason, time, is_uncertain) "
            "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (sender_id, seq, part) DO UPDATE "
            "SET reason = excluded.reason, time = excluded.time, is_uncertain = excluded.is_uncertain"
        ),
        (sender_id, one.seq, one.part, one.reason, one.time, int(one.is_uncertain)),
    )


def release_routes(owner: str) -> Operation[None]:
    """See `Postbox.release_routes`."""
    yield ("UPDATE routes SET lease_owner = NULL, lease_until = NULL WHERE lease_owner = $1", (owner,))


def find_undelivered(sender_id: str) -> Operation[list[Undelivered]]:
    """See `Postbox.undelivered`."""
    found = yield (
        "SELECT seq, part, reason, time, is_uncertain FROM undelivered WHERE sender_id = $1 ORDER BY seq, part",
        (sender_id,),
    )
    return [
        Undelivered(seq=seq, part=part, reason=reason, time=time, is_uncertain=bool(is_uncertain))
        for seq, part, reason, time, is_uncertain in found
    ]


def forget_conversation(sender_id: str, now: float) -> Operation[None]:
    """Remove all data of a conversation except the keys of its messages, which identify repeated deliveries."""
    yield ("DELETE FROM routes WHERE sender_id = $1", (sender_id,))
    yield ("DELETE FROM undelivered WHERE sender_id = $1", (sender_id,))
    yield (
        (
            "UPDATE inbox SET done = $2, sender_id = '', data = '', lease_owner = NULL, lease_until = NULL "
            "WHERE sender_id = $1 AND done IS NULL"
        ),
        (sender_id, now),
    )
    yield from forget_desk(sender_id)


def _route(row: Sequence[Any]) -> Route:
    sender_id, channel, address, reference, epoch, seq, part, failures, retry_at, owner, until = row
    return Route(
        sender_id=sender_id,
        channel=channel,
        address=address,
        reference=msgspec.json.decode(reference),
        epoch=epoch,
        seq=seq,
        part=part,
        failures=failures,
        retry_at=retry_at,
        lease=lease_of(owner, until),
    )


def _json(names: Collection[str]) -> str:
    return msgspec.json.encode(list(names)).decode()


class PostboxTables:
    """Implements `Postbox` with this module's operations. Stores are subclasses that run the operations."""

    database: Database = "sqlite"
    names_in = "(SELECT value FROM json_each({}))"
    """The database's subquery for the names in a JSON list."""

    async def run_operation(self, operation: Operation[T], *, is_read: bool = False, is_alone: bool = False) -> T:
        """Run an operation in a transaction.

        Args:
            operation: yields statements.
            is_read: whether the operation only reads.
            is_alone: whether no other operation with `is_alone` can run at the same time, on any server.
        """
        raise NotImplementedError

    async def receive(self, message: ReceivedMessage, start: Route, *, limit: int) -> ReceivedMessage | None:
        """See `Postbox.receive`."""
        return await self.run_operation(receive(message, start, limit))

    async def claim_received(
        self, lease: Lease, *, now: float, over: Collection[str] = (), limit: int
    ) -> list[ReceivedMessage]:
        """See `Postbox.claim_received`."""
        names = self.names_in.format("$4")
        return await self.run_operation(claim_received(lease, now, over, limit, names), is_alone=True)

    async def renew_received(self, lease: Lease) -> None:
        """See `Postbox.renew_received`."""
        await self.run_operation(renew_received(lease), is_alone=True)

    async def release_received(self, owner: str) -> None:
        """See `Postbox.release_received`."""
        await self.run_operation(release_received(owner), is_alone=True)

    async def finish_received(self, numbers: Sequence[int], *, now: float) -> None:
        """See `Postbox.finish_received`."""
        await self.run_operation(finish_received(numbers, now))

    async def received_owners(self) -> list[str]:
        """See `Postbox.received_owners`."""
        return await self.run_operation(received_owners(), is_read=True)

    async def count_received(self) -> int:
        """See `Postbox.count_received`."""
        return await self.run_operation(count_received(), is_read=True)

    async def forget_received(self, *, older_than: float) -> int:
        """See `Postbox.forget_received`."""
        total = 0
        while gone := await self.run_operation(forget_received(older_than), is_alone=True):
            total += gone
        return total

    async def open_route(self, route: Route) -> Route | None:
        """See `Postbox.open_route`."""
        return await self.run_operation(open_route(route))

    async def routes(self, sender_ids: Sequence[str]) -> list[Route]:
        """See `Postbox.routes`."""
        return await self.run_operation(find_routes(sender_ids, self.names_in.format("$1")), is_read=True)

    async def route_at(self, channel: str, address: str) -> Route | None:
        """See `Postbox.route_at`."""
        return await self.run_operation(route_at(channel, address), is_read=True)

    async def has_routes(self) -> bool:
        """See `Postbox.has_routes`."""
        return await self.run_operation(has_routes(), is_read=True)

    async def routes_behind(self, *, after: str, limit: int) -> RoutesBehind:
        """See `Postbox.routes_behind`."""
        return await self.run_operation(routes_behind(after, limit), is_read=True)

    async def claim_routes(
        self, sender_ids: Sequence[str], lease: Lease, *, now: float, over: Collection[str] = ()
    ) -> list[Route]:
        """See `Postbox.claim_routes`."""
        names = (self.names_in.format("$4"), self.names_in.format("$5"))
        return await self.run_operation(claim_routes(sender_ids, lease, now, over, names), is_alone=True)

    async def move_route(self, route: Route, *, owner: str, undelivered: Undelivered | None = None) -> bool:
        """See `Postbox.move_route`."""
        return await self.run_operation(move_route(route, owner, undelivered))

    async def record_undelivered(self, sender_id: str, undelivered: Undelivered) -> None:
        """See `Postbox.record_undelivered`."""
        await self.run_operation(record_undelivered(sender_id, undelivered))

    async def release_routes(self, owner: str) -> None:
        """See `Postbox.release_routes`."""
        await self.run_operation(release_routes(owner), is_alone=True)

    async def undelivered(self, sender_id: str) -> list[Undelivered]:
        """See `Postbox.undelivered`."""
        return await self.run_operation(find_undelivered(sender_id), is_read=True)
