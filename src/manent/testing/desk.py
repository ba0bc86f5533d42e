"""The test suite for the tables of the desk, which every store must pass.

Import the tests and the fixture `store` of `manent.testing.stores`.
"""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from manent.core.conversation_log import Handling
from manent.core.events import Operator
from manent.runtime.ports.desk import (
    Annotation,
    AuditRecord,
    Bridge,
    BridgeLink,
    Canned,
    Count,
    DeskSession,
    DeskStore,
    FeedRow,
    Invitation,
    ListFilter,
    ListPage,
    ListRow,
    Member,
    MessageText,
    Presence,
    Read,
    Visit,
    Webhook,
)
from manent.runtime.ports.store import ConversationStore
from manent.stores.desk.tables import open_desk_tables
from manent.testing.logs import empty, talk, turn

NOW = 900.0
DAY = 86_400
ADA = Member(id="ada", name="Ada", role="operator", created=1.0)
BOB = Member(id="bob", name="Bob", role="admin", avatar="https://pictures.example/bob.png", created=2.0)
pytestmark = pytest.mark.asyncio


async def opened(store: ConversationStore) -> DeskStore:
    """Return the desk's tables of an open store."""
    desk = open_desk_tables(store)
    await desk.open()
    return desk


def row(sender_id: str, *, seq: int = 1, updated: float = 10.0, **more: Any) -> ListRow:
    """Return a row of the list."""
    return ListRow(sender_id=sender_id, epoch="e1", seq=seq, updated=updated, **more)


def waiting(sender_id: str, since: float) -> ListRow:
    """Return the row of a conversation in the queue."""
    return row(sender_id, updated=since, handling=Handling(handler="queue", since=1, waiting_since=since))


def handled(sender_id: str, operator: str, **more: Any) -> ListRow:
    """Return the row of a conversation that an operator handles."""
    return row(sender_id, handling=Handling(handler="human", operator=Operator(id=operator, name=operator)), **more)


async def write(desk: DeskStore, *rows: ListRow) -> None:
    """Write new rows."""
    assert await desk.write_reads([Read(sender_id=one.sender_id, before=None, row=one) for one in rows]) == ()


async def ids(desk: DeskStore, limit: int = 50, **filters: Any) -> list[str]:
    """Return the ids of one page of the list."""
    return [one.sender_id for one in (await desk.page(ListFilter(**filters), reader="ada", limit=limit)).rows]


async def test_an_invitation_is_redeemed_once(store: ConversationStore) -> None:
    """If several requests use a link at the same time, only the first begins a session. Expired links are rejected."""
    desk = await opened(store)
    await desk.put_member(ADA)
    await desk.invite(Invitation(digest="link", member_id="ada", created=NOW, expires=NOW + 10))

    assert await desk.invitation("link", now=NOW) == ADA
    assert await desk.invitation("link", now=NOW + 10) is None
    sessions = [DeskSession(digest=f"s{number}", member_id="", created=NOW, expires=NOW + 99) for number in range(5)]
    found = await asyncio.gather(*(desk.redeem("link", one, now=NOW) for one in sessions))

    assert [one for one in found if one is not None] == [ADA]
    [index] = [number for number, one in enumerate(found) if one is not None]
    session, member = await desk.session(f"s{index}", now=NOW) or (None, None)
    assert (session and session.member_id, member) == ("ada", ADA)
    assert await desk.session(f"s{(index + 1) % 5}", now=NOW) is None
    assert await desk.invitation("link", now=NOW) is None


async def test_removing_a_member_ends_sessions_and_invitations(store: ConversationStore) -> None:
    """Removing a member invalidates the member's sessions and links. `members(removed=True)` still lists the member."""
    desk = await opened(store)
    for member in (ADA, BOB):
        await desk.put_member(member)
        await desk.begin_session(
            DeskSession(digest=f"of {member.id}", member_id=member.id, created=NOW, expires=NOW + 99)
        )
    await desk.invite(Invitation(digest="link", member_id="ada", created=NOW, expires=NOW + 10))

    assert await desk.remove_member("ada", now=NOW)
    assert not await desk.remove_member("ada", now=NOW)

    assert await desk.session("of ada", now=NOW) is None
    assert await desk.invitation("link", now=NOW) is None
    assert await desk.session("of bob", now=NOW) is not None
    assert await desk.members() == [BOB]
    assert await desk.members(removed=True) == [replace(ADA, removed=NOW), BOB]
    assert await desk.member("ada") == replace(ADA, removed=NOW)


async def test_sessions_expire_and_end(store: ConversationStore) -> None:
    """A session is valid until it expires or the member signs out."""
    desk = await opened(store)
    await desk.put_member(ADA)
    await desk.begin_session(DeskSession(digest="s", member_id="ada", created=NOW, expires=NOW + 5))

    assert await desk.session("s", now=NOW + 4) is not None
    assert await desk.session("s", now=NOW + 5) is None
    await desk.end_session("s")
    assert await desk.session("s", now=NOW) is None


async def test_the_audit_is_read_newest_first(store: ConversationStore) -> None:
    """`audit_records` returns the records of a conversation or a member in pages, newest first."""
    desk = await opened(store)
    for number, (member, sender) in enumerate([("ada", "c1"), ("bob", "c1"), ("ada", None)]):
        await desk.audit(
            AuditRecord(
                time=NOW + number,
                member_id=member,
                name=member.title(),
                action="say",
                sender_id=sender,
                detail={"seq": number},
            )
        )

    newest, *rest = await desk.audit_records()
    assert (newest.detail, newest.sender_id) == ({"seq": 2}, None)
    assert [one.detail["seq"] for one in rest] == [1, 0]
    assert [one.detail["seq"] for one in await desk.audit_records(sender_id="c1")] == [1, 0]
    assert [one.detail["seq"] for one in await desk.audit_records(member_id="ada", before=newest.number)] == [0]


async def test_the_list_is_sorted_and_paged(store: ConversationStore) -> None:
    """The queue is sorted by waiting time and other views by the newest message, and pages contain each row once."""
    desk = await opened(store)
    await write(desk, waiting("q2", 20.0), waiting("q1", 15.0), waiting("q3", 20.0), row("b1"), row("b2", updated=30.0))

    assert await ids(desk, handler="queue") == ["q1", "q2", "q3"]
    assert await ids(desk) == ["b2", "q3", "q2", "q1", "b1"]

    for filters, expected in (({"handler": "queue"}, ["q1", "q2", "q3"]), ({}, ["b2", "q3", "q2", "q1", "b1"])):
        found, after = list[str](), None
        while True:
            page: ListPage = await desk.page(ListFilter(**filters, after=after), reader="ada", limit=2)  # type: ignore[arg-type]
            found += [one.sender_id for one in page.rows]
            after = page.next
            if after is None:
                break
        assert found == expected


async def test_filters_combine(store: ConversationStore) -> None:
    """Each filter, and each pair of filters, returns all matching conversations and no others."""
    desk = await opened(store)
    rows = [
        row(
            f"{handler}-{channel}-{label}",
            updated=float(number),
            channel=channel,
            labels=(label, "all"),
            handling=Handling(
                handler=handler,  # type: ignore[arg-type]
                operator=Operator(id="ada", name="Ada") if handler == "human" else None,
                waiting_since=float(number) if handler == "queue" else None,
            ),
        )
        for number, (handler, channel, label) in enumerate(
            (handler, channel, label)
            for handler in ("bot", "queue", "human")
            for channel in ("rest", "telegram")
            for label in ("vip", "vi")
        )
    ]
    await write(desk, *rows)
    filters: list[tuple[dict[str, Any], Any]] = [
        ({"handler": "queue"}, lambda one: one.handling.handler == "queue"),
        ({"handler": "bot"}, lambda one: one.handling.handler == "bot"),
        ({"channel": "telegram"}, lambda one: one.channel == "telegram"),
        ({"label": "vi"}, lambda one: "vi" in one.labels),
        ({"operator": "ada"}, lambda one: one.handling.operator is not None),
        ({"since": 4.0}, lambda one: one.updated >= 4.0),
        ({"until": 8.0}, lambda one: one.updated < 8.0),
    ]
    for first, fits_first in filters:
        for second, fits_second in filters:
            expected = {one.sender_id for one in rows if fits_first(one) and fits_second(one)}
            both = {**first, **second}
            if len(both) == len(first) + len(second) or first == second:
                assert set(await ids(desk, **both)) == expected, both


async def test_a_page_reads_a_bounded_number_of_rows(store: ConversationStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """If few rows match two filters, a page can be short, but the pages together contain each row once."""
    monkeypatch.setattr("manent.stores.desk.listing.SCAN", 5)
    desk = await opened(store)
    rare = {3, 11, 19}
    await write(
        desk,
        *(
            replace(waiting(f"c{number:02}", float(number)), labels=("rare",) if number in rare else ())
            for number in range(20)
        ),
    )

    found, pages, after = list[str](), 0, None
    while pages == 0 or after is not None:
        filters = ListFilter(handler="queue", label="rare", after=after)
        page = await desk.page(filters, reader="ada", limit=2)
        found += [one.sender_id for one in page.rows]
        after, pages = page.next, pages + 1
    assert found == ["c03", "c11", "c19"]
    assert pages > 1


async def test_label_and_channel_share_an_index(store: ConversationStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page for a label and a channel is full, even if the label has many conversations in other channels."""
    monkeypatch.setattr("manent.stores.desk.listing.SCAN", 5)
    desk = await opened(store)
    await write(desk, *(row(f"c{number}", channel="rest", labels=("rare",)) for number in range(3)))
    await write(desk, *(row(f"d{number:02}", updated=20.0, labels=("rare",)) for number in range(20)))
    await write(desk, row("c3", channel="slack", labels=("rare",)))
    moved = row("c3", seq=2, channel="rest", labels=("rare",))
    assert await desk.write_reads([Read(sender_id="c3", before=("e1", 1), row=moved)]) == ()

    page = await desk.page(ListFilter(channel="rest", label="rare"), reader="ada", limit=3)
    assert [one.sender_id for one in page.rows] == ["c3", "c2", "c1"]
    assert page.next is not None
    page = await desk.page(ListFilter(channel="rest", label="rare", after=page.next), reader="ada", limit=3)
    assert ([one.sender_id for one in page.rows], page.next) == (["c0"], None)


async def test_unread_messages_are_counted_for_each_operator(store: ConversationStore) -> None:
    """A message that one operator has read remains unread for other operators."""
    desk = await opened(store)
    await write(desk, row("c1", users=5))
    await desk.mark_read("ada", "c1", users=3)

    assert (await desk.page(ListFilter(), reader="ada", limit=5)).unread == {"c1": 2}
    assert (await desk.page(ListFilter(), reader="bob", limit=5)).unread == {"c1": 5}
    await desk.mark_read("ada", "c1", users=5)
    assert (await desk.page(ListFilter(), reader="ada", limit=5)).unread == {"c1": 0}


async def test_two_readers_write_each_event_once(store: ConversationStore) -> None:
    """If two servers read the same events, only the first call of `write_reads` changes the tables."""
    desk = await opened(store)
    counted = Count(day=0, name="messages", key="user")
    first = Read(sender_id="c1", before=None, row=row("c1"), counts=(counted,), visits=(Visit(day=0, visitor="v"),))
    assert await desk.write_reads([first]) == ()
    assert await desk.write_reads([first]) == ("c1",)

    news = FeedRow(kind="message", time=NOW, sender_id="c1", first=2, last=2)
    second = Read(
        sender_id="c1",
        before=("e1", 1),
        row=row("c1", seq=2),
        counts=(counted,),
        feed=(news,),
        visits=(Visit(day=0, visitor="v"),),
    )
    lost = await asyncio.gather(desk.write_reads([second]), desk.write_reads([second]))

    assert sorted(lost) == [(), ("c1",)]
    assert [(one.name, one.key, one.value) for one in await desk.counts(since=0, until=DAY)] == [
        ("messages", "user", 2.0),
        ("visitors", "", 1.0),
    ]
    assert [(one.kind, one.last) for one in await desk.feed(after=0, limit=10)] == [("message", 2)]
    assert await desk.read_places(["c1", "c2"]) == {"c1": ("e1", 2)}


async def test_the_search_finds_words_without_case_and_accents(store: ConversationStore) -> None:
    """A message matches if it contains all words. The last word can be a prefix. Newer messages come first."""
    desk = await opened(store)
    texts = ["Where is my café order?", "My order number is 4711", "订单在哪里", "quotes \" and ' and * -- ( OR"]
    await desk.write_reads(
        [
            Read(
                sender_id="c1",
                before=None,
                row=row("c1"),
                texts=tuple(
                    MessageText(seq=number, role="user", time=float(number), text=text)
                    for number, text in enumerate(texts, 1)
                ),
            )
        ]
    )

    async def found(q: str) -> list[int]:
        return [hit.seq for hit in (await desk.search(q, limit=10))[0]]

    assert await found("ORDER") == [2, 1]
    assert await found("cafe ord") == [1]
    assert await found("order 4711") == [2]
    assert await found("订单") == [3]
    assert await found('"OR" quotes*') == [4]
    assert await found("absent") == []
    assert await found("'\"") == []
    hits, before = await desk.search("order", limit=1)
    assert ([hit.text for hit in hits], before is not None) == (["My order number is 4711"], True)
    assert [hit.seq for hit in (await desk.search("order", limit=1, before=before))[0]] == [1]
    assert await ids(desk, q="order") == ["c1"]
    assert await ids(desk, q="order", handler="human") == []


def said(sender_id: str, text: str, *, intent: str = "greet", confidence: float = 0.5, seq: int = 1) -> Read:
    """Return the read of a conversation with one message."""
    message = MessageText(
        seq=seq,
        role="user",
        time=float(seq),
        text=text,
        intent=intent,
        confidence=confidence,
        entities=({"entity": "city", "start": 0, "end": 2, "value": text[:2]},),
    )
    return Read(sender_id=sender_id, before=None, row=row(sender_id, users=1), texts=(message,))


async def test_messages_are_reviewed_by_their_text(store: ConversationStore) -> None:
    """Messages with the same text are one entry. After a decision, the text is not listed again."""
    desk = await opened(store)
    reads = [said("c1", "Hello there", confidence=0.4), said("c2", "hello  there", confidence=0.3)]
    await desk.write_reads([*reads, said("c3", "Bye", confidence=0.9)])

    uncertain = await desk.review(sort="uncertain", limit=10)
    assert [(one.text, one.count, one.confidence, one.sender_id) for one in uncertain] == [
        ("hello  there", 2, 0.3, "c2"),
        ("Bye", 1, 0.9, "c3"),
    ]
    assert uncertain[0].entities == ({"entity": "city", "start": 0, "end": 2, "value": "he"},)

    await desk.annotate(Annotation(text="hello there", intent="greet", member_id="bob", time=1.0))
    await desk.annotate(Annotation(text="Bye", intent=None, member_id="bob", time=2.0))
    await desk.write_reads([said("c4", "HELLO THERE")])

    assert await desk.review(sort="frequent", limit=10) == []
    assert [(one.text, one.intent) for one in await desk.annotations()] == [("hello there", "greet"), ("Bye", None)]


async def test_replacement_of_a_log_removes_its_messages_at_once(store: ConversationStore) -> None:
    """The messages of a replaced log leave search, review and list at once, also while the desk is off."""
    desk = await opened(store)
    head = await talk(store, empty("c1"), 1)
    first = said("c1", "my secret")
    assert first.row is not None
    noted = replace(first.row, epoch=head.epoch, preview="my secret", labels=("vip",))
    news = FeedRow(kind="conversation", time=NOW, sender_id="c1", data={"reason": "private"})
    await desk.write_reads([replace(first, row=noted, feed=(news,))])

    new = turn(replace(empty("c1"), epoch="another"))
    await store.replace(new, expected_epoch=head.epoch, expected_version=head.version)

    assert list((await desk.search("secret", limit=10))[0]) == []
    assert list(await desk.review(sort="newest", limit=10)) == []
    assert "c1" in (await desk.unread_logs(after="", limit=10)).found
    assert all(one.data == {} for one in await desk.feed(after=0, limit=10))
    assert await ids(desk, label="vip") == []


async def test_an_erase_removes_everything_at_once(store: ConversationStore) -> None:
    """An erase removes the conversation from list, search and review. Equal messages of other visitors remain."""
    desk = await opened(store)
    await talk(store, empty("c1"), 1)
    await talk(store, empty("c2"), 1)
    labelled = said("c1", "Hello there")
    assert labelled.row is not None
    labelled = replace(labelled, row=replace(labelled.row, labels=("vip",)))
    news = FeedRow(kind="conversation", time=NOW, sender_id="c1", data={"reason": "private"})
    await desk.write_reads([labelled, said("c2", "hello there"), replace(said("c3", "only here"), feed=(news,))])
    await desk.mark_read("ada", "c1", users=1)

    await store.erase("c1", new_epoch=None)

    assert await ids(desk) == ["c3", "c2"]
    assert await ids(desk, label="vip") == []
    assert [hit.sender_id for hit in (await desk.search("hello", limit=10))[0]] == ["c2"]
    assert [(one.text, one.count, one.sender_id) for one in await desk.review(sort="newest", limit=10)] == [
        ("only here", 1, "c3"),
        ("hello there", 1, "c2"),
    ]
    assert await desk.gone(limit=10) == ["c1"]
    assert "c1" in (await desk.unread_logs(after="", limit=10)).found
    assert await desk.write_reads([Read(sender_id="c1", before=("", 0), row=None)]) == ()
    assert await desk.gone(limit=10) == []

    await store.purge(older_than=float("inf"))
    assert await ids(desk) == ["c3"]
    assert (await desk.search("hello", limit=10))[0] == []


async def test_a_replaced_log_is_read_from_the_start(store: ConversationStore) -> None:
    """After a log was replaced, the search does not find messages of the old log."""
    desk = await opened(store)
    await desk.write_reads([said("c1", "the old log")])
    fresh = replace(said("c1", "the new log"), before=("e1", 1), row=replace(row("c1"), epoch="e2"))
    assert await desk.write_reads([fresh]) == ()

    assert [hit.text for hit in (await desk.search("log", limit=10))[0]] == ["the new log"]


async def test_logs_with_unread_events_are_found(store: ConversationStore) -> None:
    """`unread_logs` returns new, extended and replaced logs in pages."""
    desk = await opened(store)
    for name in ("a", "b", "c", "d"):
        await talk(store, empty(name), 1)
    await store.create(empty("e"))
    heads = {head.sender_id: head for head in await store.conversations()}
    rows = [replace(row(name), epoch=heads[name].epoch, seq=heads[name].version) for name in ("a", "b", "c")]
    await write(desk, rows[0], replace(rows[1], seq=rows[1].seq - 1), replace(rows[2], epoch="other"))

    page = await desk.unread_logs(after="", limit=3)
    assert (page.found, page.upto) == (("b", "c"), "c")
    assert await desk.unread_logs(after="c", limit=3) == replace(page, found=("d",), upto=None)


async def test_the_feed_has_one_order(store: ConversationStore) -> None:
    """Concurrent writes to the feed get increasing numbers, and a reader that follows the feed misses no row."""
    desk = await opened(store)
    assert await desk.feed_ends() == (0, 0)
    seen: list[int] = []

    async def follow() -> None:
        while len(seen) < 20:
            found = await desk.feed(after=seen[-1] if seen else 0, limit=100)
            seen.extend(one.number for one in found)
            await asyncio.sleep(0)

    def rows(number: int) -> list[FeedRow]:
        return [FeedRow(kind="typing", time=NOW + number, sender_id="c1", data={"n": number})] * 2

    async with asyncio.timeout(20):
        await asyncio.gather(follow(), *(desk.tell(rows(number)) for number in range(10)))

    assert seen == sorted(set(seen))
    oldest, newest = await desk.feed_ends()
    assert (oldest, newest) == (seen[0], seen[-1])
    await desk.trim(feed_before=NOW + 100, expired_before=0.0)
    assert await desk.feed_ends() == (newest, newest)
    await desk.tell(rows(11))
    assert (await desk.feed_ends())[1] == newest + 2


async def test_presence_expires(store: ConversationStore) -> None:
    """A person is present on a server until the entry expires or is removed."""
    desk = await opened(store)
    for server, until in (("s1", NOW + 10), ("s2", NOW + 20)):
        await desk.report_presence(Presence(server=server, operator=ADA.operator, viewing="c1", until=until))
    await desk.report_presence(Presence(server="s1", operator=BOB.operator, until=NOW + 30))

    assert [(one.server, one.operator.id, one.viewing) for one in await desk.present(now=NOW + 10)] == [
        ("s2", "ada", "c1"),
        ("s1", "bob", None),
    ]
    await desk.end_presence("s2", "ada")
    await desk.end_presence("s1")
    assert await desk.present(now=NOW) == []


async def test_canned_replies(store: ConversationStore) -> None:
    """`put_canned` replaces the text of a reply, and removes the reply if the text is empty."""
    desk = await opened(store)
    await desk.put_canned(Canned(key="hi", text="Hello {name}"))
    await desk.put_canned(Canned(key="bye", text="Bye"))
    await desk.put_canned(Canned(key="hi", text="Hi {name}"))
    await desk.put_canned(Canned(key="bye", text=""))
    assert await desk.canned() == [Canned(key="hi", text="Hi {name}")]


async def test_one_server_moves_a_webhook(store: ConversationStore) -> None:
    """If two servers have sent the same notices, only one of them can move the position of the webhook."""
    desk = await opened(store)
    one = Webhook(id="w1", url="https://pager.example/", secret="s" * 16, events=("handoff_requested",), created=1.0)
    await desk.put_webhook(one)
    assert await desk.webhooks() == [one]

    moved = replace(one, position=7, failures=1, retry_at=NOW)
    assert sorted(await asyncio.gather(*(desk.move_webhook(moved, expected=0) for _ in range(2)))) == [False, True]
    assert await desk.webhooks() == [moved]
    assert await desk.remove_webhook("w1")
    assert not await desk.remove_webhook("w1")


async def test_bridges(store: ConversationStore) -> None:
    """Only one of two servers can move a bridge. Links are found by both ids, and an erase removes them."""
    desk = await opened(store)
    await desk.tell([FeedRow(kind="gone", time=1.0, sender_id="a")])
    new = await desk.bridge("chatwoot")
    assert new == Bridge(name="chatwoot", position=(await desk.feed_ends())[1])
    held = replace(new, server="one", until=12.5)
    assert await desk.move_bridge(held, expected=new)
    assert not await desk.move_bridge(replace(new, server="two", until=12.5), expected=new)
    assert await desk.bridge("chatwoot") == held

    await talk(store, empty("a"), 1)
    link = BridgeLink(bridge="chatwoot", sender_id="a", remote="7", data={"seq": 1})
    await desk.put_link(replace(link, remote="6"))
    await desk.put_link(link)
    assert await desk.link("chatwoot", "a") == link
    assert await desk.linked("chatwoot", "7") == "a"
    assert await desk.linked("chatwoot", "6") is None
    await store.erase("a", new_epoch=None)
    assert await desk.link("chatwoot", "a") is None
    await desk.put_link(link)
    await desk.remove_links("a")
    assert await desk.linked("chatwoot", "7") is None


async def test_failed_links_wait(store: ConversationStore) -> None:
    """`postpone_link` makes a link due at a time and keeps its data. `settle_link` ends this."""
    desk = await opened(store)
    link = BridgeLink(bridge="chatwoot", sender_id="a", remote="7", data={"seq": 1})
    await desk.put_link(link)
    assert await desk.due_links("chatwoot", now=NOW, limit=10) == []

    await desk.postpone_link("chatwoot", "a", failures=2, retry_at=NOW)
    await desk.postpone_link("chatwoot", "b", failures=1, retry_at=NOW - 1)
    await desk.postpone_link("other", "c", failures=1, retry_at=NOW - 1)
    assert await desk.link("chatwoot", "a") == replace(link, failures=2, retry_at=NOW)
    assert await desk.link("chatwoot", "b") == BridgeLink(
        bridge="chatwoot", sender_id="b", failures=1, retry_at=NOW - 1
    )
    assert await desk.due_links("chatwoot", now=NOW - 2, limit=10) == []
    assert await desk.due_links("chatwoot", now=NOW - 0.5, limit=10) == ["b"]
    assert await desk.due_links("chatwoot", now=NOW, limit=10) == ["b", "a"]
    assert await desk.due_links("chatwoot", now=NOW, limit=1) == ["b"]

    moved = replace(link, data={"seq": 2})
    await desk.put_link(moved)
    assert await desk.link("chatwoot", "a") == replace(moved, failures=2, retry_at=NOW)
    await desk.settle_link("chatwoot", "a")
    await desk.settle_link("chatwoot", "unknown")
    assert await desk.link("chatwoot", "a") == moved
    assert await desk.link("chatwoot", "unknown") is None
    assert await desk.due_links("chatwoot", now=NOW, limit=10) == ["b"]
