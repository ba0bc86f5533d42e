"""Implements `DeskStore` with the operations of this folder, on every store that runs operations."""

from collections.abc import Collection, Sequence
from typing import Any, Final, Literal

from manent.core.errors import StoreError
from manent.runtime.ports.desk import (
    Annotation,
    AuditRecord,
    Bridge,
    BridgeLink,
    Canned,
    Count,
    DeskSession,
    FeedRow,
    Hit,
    Invitation,
    ListFilter,
    ListPage,
    ListRow,
    Member,
    Presence,
    Read,
    ReviewMessage,
    Searched,
    Webhook,
)
from manent.stores.desk import bridges, feed, listing, people, reads, texts
from manent.stores.desk.dialect import POSTGRESQL, SQLITE, prepare
from manent.stores.operation import OperationStore, runs_operations

_DIALECTS: Final = {"sqlite": SQLITE, "postgresql": POSTGRESQL}


def open_desk_tables(store: Any) -> "DeskTables":
    """Return the tables of the desk in a store.

    Raises:
        StoreError: `store_without_desk`: the store is not one of Manent's.
    """
    if not runs_operations(store):
        raise StoreError(
            "store_without_desk",
            f"the store {type(store).__name__} has no tables for the desk: use SQLite or PostgreSQL, or remove `desk` "
            "from endpoints.yml",
        )
    return DeskTables(store)


class DeskTables:
    """Implements `DeskStore`.

    Args:
        store: the store, which must be open when a method is called.
    """

    def __init__(self, store: OperationStore) -> None:
        self._store = store
        self._dialect = _DIALECTS[store.database]

    async def open(self) -> None:
        """See `DeskStore.open`."""
        await self._store.run_operation(prepare(self._dialect))

    async def members(self, *, removed: bool = False) -> list[Member]:
        """See `DeskStore.members`."""
        return await self._store.run_operation(people.find_members(removed=removed), is_read=True)

    async def member(self, member_id: str) -> Member | None:
        """See `DeskStore.member`."""
        return await self._store.run_operation(people.find_member(member_id), is_read=True)

    async def put_member(self, member: Member, *, readmits: bool = True) -> bool:
        """See `DeskStore.put_member`."""
        return await self._store.run_operation(people.put_member(member, readmits=readmits))

    async def remove_member(self, member_id: str, *, now: float) -> bool:
        """See `DeskStore.remove_member`."""
        return await self._store.run_operation(people.remove_member(member_id, now))

    async def invite(self, invitation: Invitation) -> None:
        """See `DeskStore.invite`."""
        await self._store.run_operation(people.invite(invitation))

    async def redeem(self, digest: str, session: DeskSession, *, now: float) -> Member | None:
        """See `DeskStore.redeem`."""
        return await self._store.run_operation(people.redeem(digest, session, now))

    async def invitation(self, digest: str, *, now: float) -> Member | None:
        """See `DeskStore.invitation`."""
        return await self._store.run_operation(people.find_invitation(digest, now), is_read=True)

    async def begin_session(self, session: DeskSession) -> None:
        """See `DeskStore.begin_session`."""
        await self._store.run_operation(people.begin_session(session))

    async def session(self, digest: str, *, now: float) -> tuple[DeskSession, Member] | None:
        """See `DeskStore.session`."""
        return await self._store.run_operation(people.find_session(digest, now), is_read=True)

    async def end_session(self, digest: str) -> None:
        """See `DeskStore.end_session`."""
        await self._store.run_operation(people.end_session(digest))

    async def audit(self, record: AuditRecord) -> None:
        """See `DeskStore.audit`."""
        await self._store.run_operation(people.audit(record))

    async def audit_records(
        self, *, sender_id: str | None = None, member_id: str | None = None, before: int | None = None, limit: int = 100
    ) -> list[AuditRecord]:
        """See `DeskStore.audit_records`."""
        return await self._store.run_operation(people.audit_records(sender_id, member_id, before, limit), is_read=True)

    async def rows(self, sender_ids: Collection[str]) -> dict[str, ListRow]:
        """See `DeskStore.rows`."""
        return await self._store.run_operation(listing.find_rows(sender_ids, self._dialect), is_read=True)

    async def page(self, filters: ListFilter, *, reader: str, limit: int) -> ListPage:
        """See `DeskStore.page`."""
        return await self._store.run_operation(listing.find_page(filters, reader, limit, self._dialect), is_read=True)

    async def write_reads(self, found: Sequence[Read]) -> tuple[str, ...]:
        """See `DeskStore.write_reads`."""
        return await self._store.run_operation(reads.write_reads(found, self._dialect))

    async def unread_logs(self, *, after: str, limit: int) -> Searched:
        """See `DeskStore.unread_logs`."""
        return await self._store.run_operation(reads.find_unread(after, limit), is_read=True)

    async def gone(self, *, limit: int) -> list[str]:
        """See `DeskStore.gone`."""
        return await self._store.run_operation(reads.find_gone(limit), is_read=True)

    async def read_places(self, sender_ids: Collection[str]) -> dict[str, tuple[str, int]]:
        """See `DeskStore.read_places`."""
        return await self._store.run_operation(reads.find_places(sender_ids, self._dialect), is_read=True)

    async def mark_read(self, member_id: str, sender_id: str, *, users: int) -> None:
        """See `DeskStore.mark_read`."""
        await self._store.run_operation(listing.mark_read(member_id, sender_id, users))

    async def search(self, q: str, *, limit: int, before: int | None = None) -> tuple[list[Hit], int | None]:
        """See `DeskStore.search`."""
        return await self._store.run_operation(texts.search(q, limit, before, self._dialect), is_read=True)

    async def review(self, *, sort: Literal["uncertain", "frequent", "newest"], limit: int) -> list[ReviewMessage]:
        """See `DeskStore.review`."""
        return await self._store.run_operation(texts.review(sort, limit), is_read=True)

    async def annotate(self, annotation: Annotation) -> None:
        """See `DeskStore.annotate`."""
        await self._store.run_operation(texts.annotate(annotation))

    async def annotations(self) -> list[Annotation]:
        """See `DeskStore.annotations`."""
        return await self._store.run_operation(texts.annotations(), is_read=True)

    async def counts(self, *, since: int, until: int) -> list[Count]:
        """See `DeskStore.counts`."""
        return await self._store.run_operation(feed.find_counts(since, until), is_read=True)

    async def feed(self, *, after: int, limit: int) -> list[FeedRow]:
        """See `DeskStore.feed`."""
        return await self._store.run_operation(feed.find_feed(after, limit), is_read=True)

    async def feed_ends(self) -> tuple[int, int]:
        """See `DeskStore.feed_ends`."""
        return await self._store.run_operation(feed.find_feed_ends(), is_read=True)

    async def tell(self, rows: Sequence[FeedRow]) -> None:
        """See `DeskStore.tell`."""
        await self._store.run_operation(feed.tell(rows, self._dialect))

    async def trim(self, *, feed_before: float, expired_before: float) -> None:
        """See `DeskStore.trim`."""
        await self._store.run_operation(feed.trim(feed_before, expired_before))

    async def report_presence(self, presence: Presence) -> None:
        """See `DeskStore.report_presence`."""
        await self._store.run_operation(feed.report_presence(presence))

    async def end_presence(self, server: str, member_id: str | None = None) -> None:
        """See `DeskStore.end_presence`."""
        await self._store.run_operation(feed.end_presence(server, member_id))

    async def present(self, *, now: float) -> list[Presence]:
        """See `DeskStore.present`."""
        return await self._store.run_operation(feed.find_present(now), is_read=True)

    async def canned(self) -> list[Canned]:
        """See `DeskStore.canned`."""
        return await self._store.run_operation(feed.find_canned(), is_read=True)

    async def put_canned(self, canned: Canned) -> None:
        """See `DeskStore.put_canned`."""
        await self._store.run_operation(feed.put_canned(canned))

    async def webhooks(self) -> list[Webhook]:
        """See `DeskStore.webhooks`."""
        return await self._store.run_operation(feed.find_webhooks(), is_read=True)

    async def put_webhook(self, webhook: Webhook) -> None:
        """See `DeskStore.put_webhook`."""
        await self._store.run_operation(feed.put_webhook(webhook))

    async def remove_webhook(self, webhook_id: str) -> bool:
        """See `DeskStore.remove_webhook`."""
        return await self._store.run_operation(feed.remove_webhook(webhook_id))

    async def move_webhook(self, webhook: Webhook, *, expected: int) -> bool:
        """See `DeskStore.move_webhook`."""
        return await self._store.run_operation(feed.move_webhook(webhook, expected))

    async def bridge(self, name: str) -> Bridge:
        """See `DeskStore.bridge`."""
        return await self._store.run_operation(bridges.find_bridge(name))

    async def move_bridge(self, bridge: Bridge, *, expected: Bridge) -> bool:
        """See `DeskStore.move_bridge`."""
        return await self._store.run_operation(bridges.move_bridge(bridge, expected))

    async def link(self, bridge: str, sender_id: str) -> BridgeLink | None:
        """See `DeskStore.link`."""
        return await self._store.run_operation(bridges.find_link(bridge, sender_id), is_read=True)

    async def linked(self, bridge: str, remote: str) -> str | None:
        """See `DeskStore.linked`."""
        return await self._store.run_operation(bridges.find_linked(bridge, remote), is_read=True)

    async def put_link(self, link: BridgeLink) -> None:
        """See `DeskStore.put_link`."""
        await self._store.run_operation(bridges.put_link(link))

    async def postpone_link(self, bridge: str, sender_id: str, *, failures: int, retry_at: float) -> None:
        """See `DeskStore.postpone_link`."""
        await self._store.run_operation(bridges.postpone_link(bridge, sender_id, failures, retry_at))

    async def settle_link(self, bridge: str, sender_id: str) -> None:
        """See `DeskStore.settle_link`."""
        await self._store.run_operation(bridges.settle_link(bridge, sender_id))

    async def due_links(self, bridge: str, *, now: float, limit: int) -> list[str]:
        """See `DeskStore.due_links`."""
        return await self._store.run_operation(bridges.find_due_links(bridge, now, limit), is_read=True)

    async def remove_links(self, sender_id: str) -> None:
        """See `DeskStore.remove_links`."""
        await self._store.run_operation(bridges.remove_links(sender_id))
