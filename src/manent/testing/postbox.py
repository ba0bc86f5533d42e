"""The test suite for messenger channels' received messages and routes, which every store must pass.

Import the tests and the fixture `store` of `manent.testing.stores`.
"""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from manent.core.conversation_log import Lease
from manent.core.errors import RequestError
from manent.core.postbox import ReceivedMessage, Route, Undelivered
from manent.runtime.ports.store import ConversationStore, VersionConflict
from manent.testing.logs import MakeStore, empty, talk, turn

NOW = 900.0
pytestmark = pytest.mark.asyncio

MINE = Lease(owner="host:1:1:a", until=1_000.0)
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTHER = Lease(owner="host:2:2:b", until=1_000.0)


def message(message_id: str, address: str = "ada", channel: str = "telegram", **more: Any) -> ReceivedMessage:
    """Return a message as a channel passes it to the store."""
    return ReceivedMessage(channel=channel, address=address, message_id=message_id, text=f"text {message_id}", **more)


async def receive(store: ConversationStore, one: ReceivedMessage, *, limit: int = 100) -> ReceivedMessage | None:
    """Receive a message. The conversation of a new address has the address as its id."""
    start = Route(sender_id=one.address, channel=one.channel, address=one.address)
    return await store.receive(one, start, limit=limit)


async def test_a_message_is_received_once(store: ConversationStore) -> None:
    """A repeated delivery is detected if it is concurrent or arrives after the message was accepted."""
    found = await asyncio.gather(*(receive(store, message("1")) for _ in range(5)))
    assert [one.text for one in found if one is not None] == ["text 1"]
    number = next(one.number for one in found if one is not None)
    assert await store.count_received() == 1

    await store.finish_received([number], now=NOW)
    assert await receive(store, message("1")) is None
    assert await store.count_received() == 0

    for other in (message("1", address="eve"), message("1", channel="slack"), message("2")):
        assert await receive(store, other) is not None


async def test_rejected_append_undoes_nothing_else(store: ConversationStore) -> None:
    """Messages and routes that are written at the same time as appends, of which one is rejected, are written."""
    heads = {name: await talk(store, empty(name), 1) for name in ("ada", "eve", "ivo")}
    for name in heads:
        await receive(store, message("1", address=name))
    await store.claim_routes(list(heads), MINE, now=NOW)

    async def append(name: str) -> bool:
        stale = replace(heads[name], version=heads[name].version - 1) if name == "eve" else heads[name]
        try:
            await store.append(turn(stale))
        except VersionConflict:
            return False
        return True

    async def move(name: str) -> bool:
        route = Route(sender_id=name, channel="telegram", address=name, epoch="e", seq=7, lease=MINE)
        return await store.move_route(route, owner=MINE.owner)

    work = [step(name) for name in heads for step in (move, append)]
    done, new = await asyncio.gather(asyncio.gather(*work), receive(store, message("2")))

    assert done == [True, True, True, False, True, True]
    assert new is not None
    assert new.number
    assert [one.seq for one in await store.routes(list(heads))] == [7, 7, 7]
    assert await store.count_received() == len(heads) + 1
    versions = {name: (await store.head(name) or empty()).version - head.version for name, head in heads.items()}
    assert versions == {"ada": len(turn(heads["ada"]).entries), "eve": 0, "ivo": len(turn(heads["ivo"]).entries)}


async def test_messages_survive_a_restart(make_store: MakeStore) -> None:
    """After a restart, received messages have the same fields and are in the same order."""
    store = make_store()
    await store.open()
    sent = message(
        "1",
        title="Yes",
        metadata={"attachments": [{"type": "image"}]},
        reference={"thread": "7"},
        traceparent=TRACEPARENT,
    )
    await receive(store, sent)
    await receive(store, message("2"))
    await store.close()

    store = make_store()
    await store.open()
    first, second = await store.claim_received(MINE, now=NOW, limit=10)
    await store.close()
    assert first == replace(sent, sender_id="ada", number=first.number, reference={})
    assert (second.message_id, second.number > first.number) == ("2", True)


async def test_one_server_handles_a_conversation(store: ConversationStore) -> None:
    """While a server has a lease on a message, no other server can claim messages of its conversation."""
    await receive(store, message("1"))
    [first] = await store.claim_received(MINE, now=NOW, limit=10)
    await receive(store, message("2"))
    await receive(store, message("3", address="eve"))

    assert [one.address for one in await store.claim_received(OTHER, now=NOW, limit=10)] == ["eve"]
    assert [one.message_id for one in await store.claim_received(MINE, now=NOW, limit=10)] == ["2"]
    assert sorted(await store.received_owners()) == [MINE.owner, OTHER.owner]

    await store.finish_received([first.number], now=NOW)
    assert await store.claim_received(OTHER, now=NOW, limit=10) == []


@pytest.mark.parametrize("way", ["expired", "dead", "released"])
async def test_messages_of_a_server_that_is_gone_are_claimed(store: ConversationStore, way: str) -> None:
    """Another server can claim messages, in order, after their lease has ended."""
    await receive(store, message("1"))
    await receive(store, message("2"))
    await store.claim_received(MINE, now=NOW, limit=10)
    assert await store.claim_received(OTHER, now=NOW, limit=10) == []
    if way == "released":
        await store.release_received(MINE.owner)
    now = 1_000.0 if way == "expired" else NOW
    lease = replace(OTHER, until=2_000.0)
    found = await store.claim_received(lease, now=now, over=[MINE.owner] if way == "dead" else (), limit=10)
    assert [one.message_id for one in found] == ["1", "2"]


async def test_renewed_leases_last_longer(store: ConversationStore) -> None:
    """No other server can claim messages whose leases were renewed."""
    await receive(store, message("1"))
    await store.claim_received(MINE, now=NOW, limit=10)
    await store.renew_received(replace(MINE, until=5_000.0))
    assert await store.claim_received(replace(OTHER, until=9_000.0), now=2_000.0, limit=10) == []


async def test_a_claim_is_bounded(store: ConversationStore) -> None:
    """A claim returns up to `limit` messages, oldest first."""
    for number in range(5):
        await receive(store, message(str(number), address=f"visitor {number}"))
    first = await store.claim_received(MINE, now=NOW, limit=3)
    rest = await store.claim_received(MINE, now=NOW, limit=3)
    assert [one.message_id for one in (*first, *rest)] == ["0", "1", "2", "3", "4"]


async def test_too_many_waiting_messages_are_rejected(store: ConversationStore) -> None:
    """Messages above the limit of waiting messages are rejected with `busy`, and can be received later."""
    await receive(store, message("1"), limit=2)
    second = await receive(store, message("2"), limit=2)
    assert second is not None
    with pytest.raises(RequestError) as caught:
        await receive(store, message("3"), limit=2)
    assert (caught.value.code, caught.value.status) == ("busy", 429)
    await store.finish_received([second.number], now=NOW)
    assert await receive(store, message("3"), limit=2) is not None


async def test_keys_of_old_messages_are_removed(store: ConversationStore) -> None:
    """Expired keys of finished messages are removed, but waiting messages and newer keys are not."""
    for message_id in ("1", "2", "3"):
        await receive(store, message(message_id))
    one, two, _ = await store.claim_received(MINE, now=NOW, limit=10)
    await store.finish_received([one.number], now=100.0)
    await store.finish_received([two.number], now=200.0)
    assert await store.forget_received(older_than=150.0) == 1
    assert await receive(store, message("2")) is None
    assert await receive(store, message("1")) is not None
    assert await store.count_received() == 2


async def test_two_channels_with_the_same_id_have_two_conversations(store: ConversationStore) -> None:
    """If two channels have the same address, the id of the second conversation starts with the channel's name."""
    first = await receive(store, message("1", channel="telegram"))
    second = await receive(store, message("1", channel="slack"))
    again = await receive(store, message("2", channel="slack"))
    assert first is not None
    assert second is not None
    assert again is not None
    assert (first.sender_id, second.sender_id, again.sender_id) == ("ada", "slack:ada", "slack:ada")
    route = await store.route_at("slack", "ada")
    assert route is not None
    assert (route.sender_id, route.address) == ("slack:ada", "ada")
    assert await store.route_at("slack", "eve") is None


async def test_a_route_keeps_the_newest_reference(store: ConversationStore) -> None:
    """A route contains the `reference` of the visitor's newest message."""
    await receive(store, message("1", reference={"thread": "1"}))
    await receive(store, message("2", reference={"thread": "2"}))
    [route] = await store.routes(["ada", "eve"])
    assert route == Route(sender_id="ada", channel="telegram", address="ada", reference={"thread": "2"})


async def test_routes_behind_their_log_are_found(store: ConversationStore) -> None:
    """`routes_behind` finds the routes whose logs have unsent events."""
    for name in ("ada", "bob", "eve"):
        await receive(store, message("1", address=name))
    assert (await store.routes_behind(after="", limit=10)).found == ()
    heads = {name: await talk(store, empty(name), 1) for name in ("ada", "eve", "web")}
    page = await store.routes_behind(after="", limit=10)
    assert ([one.sender_id for one in page.found], page.upto) == (["ada", "eve"], None)
    first = await store.routes_behind(after="", limit=2)
    assert ([one.sender_id for one in first.found], first.upto) == (["ada"], "bob")

    [route] = await store.claim_routes(["ada"], MINE, now=NOW)
    head = heads["ada"]
    assert await store.move_route(replace(route, epoch=head.epoch, seq=head.version, lease=None), owner=MINE.owner)
    assert [one.sender_id for one in (await store.routes_behind(after="", limit=10)).found] == ["eve"]


async def test_one_server_sends_a_conversation(store: ConversationStore) -> None:
    """Only one server at a time has the lease on a route, and only the owner of the lease can move the route."""
    await receive(store, message("1"))
    [mine] = await store.claim_routes(["ada", "web"], MINE, now=NOW)
    assert mine.lease == MINE
    assert await store.claim_routes(["ada"], OTHER, now=NOW) == []
    assert not await store.move_route(replace(mine, seq=9), owner=OTHER.owner)

    assert await store.move_route(replace(mine, epoch="e", seq=3, part=1, failures=2), owner=MINE.owner)
    await store.release_routes(OTHER.owner)
    assert await store.claim_routes(["ada"], OTHER, now=NOW) == []
    [theirs] = await store.claim_routes(["ada"], OTHER, now=NOW, over=[MINE.owner])
    assert (theirs.epoch, theirs.seq, theirs.part, theirs.failures) == ("e", 3, 1, 2)
    assert not await store.move_route(replace(mine, seq=9), owner=MINE.owner)

    paused = replace(theirs, retry_at=950.0, lease=None)
    assert await store.move_route(paused, owner=OTHER.owner)
    assert await store.claim_routes(["ada"], MINE, now=949.0) == []
    assert len(await store.claim_routes(["ada"], MINE, now=950.0)) == 1
    await store.release_routes(MINE.owner)
    assert len(await store.claim_routes(["ada"], OTHER, now=950.0)) == 1


async def test_undelivered_parts_are_recorded(store: ConversationStore) -> None:
    """`move_route` records an undelivered part if the caller owns the lease."""
    await receive(store, message("1"))
    [route] = await store.claim_routes(["ada"], MINE, now=NOW)
    lost = Undelivered(seq=4, part=0, reason="the bot was blocked", time=NOW)
    assert not await store.move_route(route, owner=OTHER.owner, undelivered=lost)
    assert await store.undelivered("ada") == []
    uncertain = replace(lost, is_uncertain=True)
    assert await store.move_route(route, owner=MINE.owner, undelivered=uncertain)
    assert await store.undelivered("ada") == [uncertain]
    assert await store.move_route(route, owner=MINE.owner, undelivered=lost)
    assert await store.undelivered("ada") == [lost]
    later = replace(lost, part=1)
    await store.record_undelivered("ada", later)
    assert await store.undelivered("ada") == [lost, later]


async def test_a_route_is_opened_once(store: ConversationStore) -> None:
    """A conversation keeps its first route, and its channel. A route can begin within the log."""
    start = Route(sender_id="ada", channel="callback", address="ada", epoch="e", seq=5)
    opened = await asyncio.gather(*(store.open_route(start) for _ in range(3)))
    assert opened == [start] * 3
    [claimed] = await store.claim_routes(["ada"], MINE, now=NOW)
    await store.move_route(replace(claimed, seq=9, lease=None), owner=MINE.owner)
    assert await store.open_route(start) == replace(start, seq=9)
    assert await store.open_route(replace(start, channel="telegram")) is None
    assert await store.routes(["ada"]) == [replace(start, seq=9)]


@pytest.mark.parametrize("way", ["erase", "purge"])
async def test_erasing_removes_everything_but_the_keys(store: ConversationStore, way: str) -> None:
    """Erasing and purging remove all of a conversation's data except its message keys."""
    await receive(store, message("1"))
    await talk(store, empty("ada"), 1)
    [route] = await store.claim_routes(["ada"], MINE, now=NOW)
    lost = Undelivered(seq=3, part=0, reason="blocked", time=NOW)
    await store.move_route(route, owner=MINE.owner, undelivered=lost)
    assert await store.has_routes()

    if way == "erase":
        await store.erase("ada", new_epoch=None)
    else:
        await store.purge(older_than=1e12)
    assert await store.routes(["ada"]) == []
    assert not await store.has_routes()
    assert await store.undelivered("ada") == []
    assert await store.claim_received(MINE, now=NOW, limit=10) == []
    assert await receive(store, message("1")) is None
    assert not await store.has_routes()


async def test_replaced_log_moves_the_position(store: ConversationStore) -> None:
    """The position of a route moves behind a log that replaces the old one, and a sender cannot move it back.

    Records about undelivered parts of the old log are removed, because their numbers now mean other messages.
    """
    head = await talk(store, empty(), 1)
    assert await receive(store, message("1", address="ada"))
    (route,) = await store.claim_routes(["ada"], MINE, now=NOW)
    route = replace(route, epoch=head.epoch, seq=1)
    assert await store.move_route(route, owner=MINE.owner)
    lost = Undelivered(seq=1, part=0, reason="blocked", time=NOW)
    await store.record_undelivered("ada", lost)
    new = turn(replace(empty(), epoch="another"))
    await store.replace(new, expected_epoch=head.epoch, expected_version=head.version)

    assert await store.undelivered("ada") == []
    assert not await store.move_route(replace(route, seq=2), owner=MINE.owner)
    (moved,) = await store.routes(["ada"])
    assert (moved.epoch, moved.seq, moved.part, moved.lease) == ("another", new.head.version, 0, MINE)
    assert await store.move_route(replace(moved, lease=None), owner=MINE.owner)
