"""The interface to the tables of the desk: who may use it, and what its pages show. `stores/desk/` implements it.

The log is the truth about conversations. The rows of the list, the search, the review, the numbers and the feed are
computed from it (`desk/reader.py`) and can be computed again.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from manent.core.conversation_log import Handler, Handling
from manent.core.events import Json, Operator

Role = Literal["viewer", "operator", "reviewer", "admin"]

ROLES: tuple[Role, ...] = ("viewer", "operator", "reviewer", "admin")


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A person who may use the desk.

    Attributes:
        id: identifies the person; for tokens of other systems, their subject.
        name: the name that visitors and other operators see.
        role: what the person may do.
        avatar: URL of a picture.
        created: time of the invitation or of the first request, in seconds since the epoch.
        removed: time at which the person was removed. None: the person may use the desk.
    """

    id: str
    name: str
    role: Role
    avatar: str | None = None
    created: float = 0.0
    removed: float | None = None

    @property
    def operator(self) -> Operator:
        """The person as the log names operators."""
        return Operator(id=self.id, name=self.name, avatar=self.avatar)


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """A link that lets one person join the desk, once.

    Attributes:
        digest: SHA-256 of the token in the link, in hexadecimal.
        member_id: the member who receives the link.
        created: time at which it was made.
        expires: time after which it is not valid.
        used: time at which it was redeemed. None: it was not.
    """

    digest: str
    member_id: str
    created: float
    expires: float
    used: float | None = None


class DeskSession(msgspec.Struct, frozen=True, kw_only=True):
    """A browser that is signed in.

    Attributes:
        digest: SHA-256 of the token in the cookie, in hexadecimal.
        member_id: who is signed in.
        created: time of the sign-in.
        expires: time after which the session is not valid.
    """

    digest: str
    member_id: str
    created: float
    expires: float


class AuditRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A read of a conversation by a person, or a change.

    Attributes:
        time: seconds since the epoch.
        member_id: who did it. "": a command or the server.
        name: the name of the person at that time.
        action: what was done, for example `read`, `say`, `member.remove`.
        sender_id: the conversation, if it concerns one.
        detail: more about it. It never contains texts of visitors or secrets.
        number: position among all records; set by the store.
    """

    time: float
    member_id: str
    name: str
    action: str
    sender_id: str | None = None
    detail: Json = {}
    number: int = 0


class LastMessage(msgspec.Struct, frozen=True, kw_only=True):
    """The newest message of a conversation. `text` is shortened."""

    role: Literal["user", "bot", "agent"]
    text: str
    timestamp: float


class ListRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A conversation in the list.

    Attributes:
        epoch: epoch of the log that was read.
        seq: `seq` of the newest event that was read.
        handling: who handles the conversation.
        updated: time of the newest message or change of the handler, in seconds since the epoch.
        channel: name of the visitor's channel.
        last: the newest message.
        preview: the visitor's newest message, shortened.
        users: number of the visitor's messages.
        fallbacks: number of the visitor's messages that the bot did not understand.
        labels: the labels, sorted.
        state: what the reader needs for the next event.
    """

    sender_id: str
    epoch: str
    seq: int = 0
    handling: Handling = Handling()
    updated: float = 0.0
    started: float = 0.0
    channel: str = ""
    last: LastMessage | None = None
    preview: str = ""
    users: int = 0
    fallbacks: int = 0
    labels: tuple[str, ...] = ()
    state: Json = {}


class ListFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which conversations to list. None: any.

    Attributes:
        handler: only conversations with this handler.
        label: only conversations with this label.
        operator: only conversations that the operator with this id handles.
        channel: only conversations of this channel.
        q: only conversations with a message that contains these words.
        since: only conversations updated at this time or later.
        until: only conversations updated before this time.
        after: sort key and `sender_id` of the last conversation of the previous page.
    """

    handler: Handler | None = None
    label: str | None = None
    operator: str | None = None
    channel: str | None = None
    q: str | None = None
    since: float | None = None
    until: float | None = None
    after: tuple[float, str] | None = None


class ListPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the list.

    Attributes:
        rows: the conversations. There may be fewer than the limit although there is another page.
        unread: number of messages of the visitor that the operator has not read, by `sender_id`.
        next: `after` for the next page. None: this is the last page.
    """

    rows: tuple[ListRow, ...]
    unread: Mapping[str, int]
    next: tuple[float, str] | None = None


class MessageText(msgspec.Struct, frozen=True, kw_only=True):
    """A message that can be found.

    Attributes:
        seq: its number in the log.
        role: who wrote it; `note` for notes of operators.
        time: seconds since the epoch.
        text: the text.
        intent: the recognised intent, for messages of visitors that are not payloads.
        confidence: its confidence.
        entities: the recognised entities.
    """

    seq: int
    role: Literal["user", "bot", "agent", "note"]
    time: float
    text: str
    intent: str | None = None
    confidence: float = 0.0
    entities: tuple[Json, ...] = ()


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """A message that a search has found."""

    sender_id: str
    seq: int
    role: Literal["user", "bot", "agent", "note"]
    time: float
    text: str


FeedKind = Literal["conversation", "message", "gone", "typing", "presence", "bridge"]


class FeedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of news for the pages of the desk, in one order for all servers.

    Attributes:
        kind: `conversation`: the handler, the labels or the close of a conversation changed. `message`: it has new
            entries, from `first` to `last`. `gone`: it was erased. `typing`: a visitor or an operator types.
            `presence`: other people have the desk open. `bridge`: another help desk reports a change.
        data: more about it, for example the handler before.
        number: position in the feed; set by the store.
    """

    kind: FeedKind
    time: float
    sender_id: str = ""
    first: int = 0
    last: int = 0
    data: Json = {}
    number: int = 0


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """An amount to add to one of the numbers.

    Attributes:
        day: start of the day (UTC), in seconds since the epoch.
        name: what is counted, for example `intents`.
        key: of which kind, for example the name of an intent.
        value: the amount.
    """

    day: int
    name: str
    key: str = ""
    value: float = 1.0


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """A visitor wrote on a day. A visitor counts once a day."""

    day: int
    visitor: str


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """What the reader has read of one conversation. The store writes it only if the row is as it was before.

    Attributes:
        before: epoch and `seq` of the row on which it is based. None: there was no row.
        row: the row afterwards. None: the conversation does not exist any more.
        texts: new messages.
        counts: amounts to add.
        visits: visitors who wrote.
        feed: pieces of news.
    """

    sender_id: str
    before: tuple[str, int] | None
    row: ListRow | None
    texts: tuple[MessageText, ...] = ()
    counts: tuple[Count, ...] = ()
    visits: tuple[Visit, ...] = ()
    feed: tuple[FeedRow, ...] = ()


class Searched(msgspec.Struct, frozen=True, kw_only=True):
    """One page of conversations whose log is longer than what was read of it. `upto` None: there are no more pages."""

    found: tuple[str, ...]
    upto: str | None


class ReviewMessage(msgspec.Struct, frozen=True, kw_only=True):
    """Messages of visitors with one text.

    Attributes:
        text: the text.
        intent: the intent that was recognised last.
        confidence: its confidence.
        entities: the entities that were recognised last.
        count: number of messages.
        sender_id: a conversation with such a message.
        seq: its number in that conversation.
    """

    text: str
    intent: str | None
    confidence: float
    entities: tuple[Json, ...]
    count: int
    sender_id: str
    seq: int


class Annotation(msgspec.Struct, frozen=True, kw_only=True):
    """What a reviewer decided about a text. `intent` None: the text is discarded."""

    text: str
    intent: str | None
    entities: tuple[Json, ...] = ()
    member_id: str = ""
    time: float = 0.0


class Canned(msgspec.Struct, frozen=True, kw_only=True):
    """A canned reply. Its text may contain `{slot}` for a slot of that name, and `{operator}`."""

    key: str
    text: str


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """An address that is notified when a person is requested or the queue changes.

    Attributes:
        secret: key of the signatures.
        events: which notices it receives.
        position: number of the newest row of the feed about which it was notified.
        failures: number of failed attempts in a row.
        retry_at: time of the next attempt after a failure.
    """

    id: str
    url: str
    secret: str
    events: tuple[str, ...]
    created: float = 0.0
    position: int = 0
    failures: int = 0
    retry_at: float = 0.0


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """A person who has the desk open on one server.

    Attributes:
        viewing: the conversation that the person looks at.
        until: time after which the entry is not valid, unless it is renewed.
    """

    server: str
    operator: Operator
    viewing: str | None = None
    until: float = 0.0


class Bridge(msgspec.Struct, frozen=True, kw_only=True):
    """A bridge to another help desk. One server at a time runs it.

    Attributes:
        name: its name, for example `chatwoot`.
        server: the server that runs it. "": none.
        until: time at which another server may run it, in seconds since the epoch.
        position: number of the newest row of the feed that was read.
    """

    name: str
    server: str = ""
    until: float = 0.0
    position: int = 0


class BridgeLink(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation and its counterpart in another help desk.

    Attributes:
        bridge: name of the bridge.
        sender_id: the conversation.
        remote: its id in the other help desk. "": it does not exist there.
        data: what the bridge needs to continue.
        failures: number of failed attempts in a row to compare the conversation with its counterpart.
        retry_at: time of the next attempt, in seconds since the epoch. 0: the last attempt did not fail.
    """

    bridge: str
    sender_id: str
    remote: str = ""
    data: Json = {}
    failures: int = 0
    retry_at: float = 0.0


class DeskStore(Protocol):
    """Stores the tables of the desk. Every method raises StoreError if the store is not available."""

    async def open(self) -> None:
        """Create the search index in a database that does not have it yet. The store must be open."""

    async def members(self, *, removed: bool = False) -> list[Member]:
        """Return the members, also those that were removed if asked for, in order of their names."""

    async def member(self, member_id: str) -> Member | None:
        """Return a member, also a removed one."""

    async def put_member(self, member: Member, *, readmits: bool = True) -> bool:
        """Store a member, or replace the member with this id. Return whether the member is stored.

        Args:
            member: the member.
            readmits: whether to replace a removed member, too. If not, nothing is stored for a removed member.
        """

    async def remove_member(self, member_id: str, *, now: float) -> bool:
        """Remove a member together with the sessions and invitations. Return whether the member existed."""

    async def invite(self, invitation: Invitation) -> None:
        """Store an invitation."""

    async def redeem(self, digest: str, session: DeskSession, *, now: float) -> Member | None:
        """Use an invitation and begin a session. `member_id` of the session is set from the invitation.

        Returns:
            The member. None: the invitation is unknown, used or expired, or the member was removed.
        """

    async def invitation(self, digest: str, *, now: float) -> Member | None:
        """Return the member of a valid invitation. None: it is not valid."""

    async def begin_session(self, session: DeskSession) -> None:
        """Store a session."""

    async def session(self, digest: str, *, now: float) -> tuple[DeskSession, Member] | None:
        """Return a valid session and its member. None: it is unknown or expired, or the member was removed."""

    async def end_session(self, digest: str) -> None:
        """End a session."""

    async def audit(self, record: AuditRecord) -> None:
        """Store a record."""

    async def audit_records(
        self, *, sender_id: str | None = None, member_id: str | None = None, before: int | None = None, limit: int = 100
    ) -> list[AuditRecord]:
        """Return records, newest first."""

    async def rows(self, sender_ids: Collection[str]) -> dict[str, ListRow]:
        """Return the rows of conversations in the list."""

    async def page(self, filters: ListFilter, *, reader: str, limit: int) -> ListPage:
        """Return a page of the list: the queue longest waiting first, others newest first.

        Args:
            filters: which conversations.
            reader: id of the operator whose unread messages are counted.
            limit: maximum number of conversations.
        """

    async def write_reads(self, found: Sequence[Read]) -> tuple[str, ...]:
        """Write what the reader has read, atomically. Return the conversations that another server has written."""

    async def unread_logs(self, *, after: str, limit: int) -> Searched:
        """Search the next `limit` conversations above `after` for logs with unread events."""

    async def gone(self, *, limit: int) -> list[str]:
        """Return conversations that were erased and of whose erase the pages were not notified yet."""

    async def read_places(self, sender_ids: Collection[str]) -> dict[str, tuple[str, int]]:
        """Return epoch and `seq` up to which logs were read."""

    async def mark_read(self, member_id: str, sender_id: str, *, users: int) -> None:
        """Note how many messages of the visitor an operator has read."""

    async def search(self, q: str, *, limit: int, before: int | None = None) -> tuple[list[Hit], int | None]:
        """Return messages that contain all words of `q`, newest first, and `before` for the next page."""

    async def review(self, *, sort: Literal["uncertain", "frequent", "newest"], limit: int) -> list[ReviewMessage]:
        """Return messages of visitors that no reviewer has seen, grouped by their text."""

    async def annotate(self, annotation: Annotation) -> None:
        """Store what a reviewer decided about a text. It replaces an earlier decision."""

    async def annotations(self) -> list[Annotation]:
        """Return the decisions, in order of their time."""

    async def counts(self, *, since: int, until: int) -> list[Count]:
        """Return the sums of days from `since` to before `until` (starts of days)."""

    async def feed(self, *, after: int, limit: int) -> list[FeedRow]:
        """Return the rows of the feed after a number, in order."""

    async def feed_ends(self) -> tuple[int, int]:
        """Return the numbers of the oldest and the newest row of the feed. Of an empty feed, both are equal."""

    async def tell(self, rows: Sequence[FeedRow]) -> None:
        """Add rows to the feed."""

    async def trim(self, *, feed_before: float, expired_before: float) -> None:
        """Remove rows of the feed, visits, sessions and invitations that are older."""

    async def report_presence(self, presence: Presence) -> None:
        """Record that a person has the desk open."""

    async def end_presence(self, server: str, member_id: str | None = None) -> None:
        """Record that a person has closed the desk on a server, or that all people there have without `member_id`."""

    async def present(self, *, now: float) -> list[Presence]:
        """Return who has the desk open, on all servers."""

    async def canned(self) -> list[Canned]:
        """Return the canned replies in order of their keys."""

    async def put_canned(self, canned: Canned) -> None:
        """Store a canned reply. An empty string removes it."""

    async def webhooks(self) -> list[Webhook]:
        """Return the webhooks."""

    async def put_webhook(self, webhook: Webhook) -> None:
        """Store a webhook."""

    async def remove_webhook(self, webhook_id: str) -> bool:
        """Remove a webhook. Return whether it existed."""

    async def move_webhook(self, webhook: Webhook, *, expected: int) -> bool:
        """Set position, failures and retry time, if the position is `expected`. Return whether it was."""

    async def bridge(self, name: str) -> Bridge:
        """Return a bridge. If it is new, it begins at the end of the feed."""

    async def move_bridge(self, bridge: Bridge, *, expected: Bridge) -> bool:
        """Replace a bridge if it is as expected. Return whether it was."""

    async def link(self, bridge: str, sender_id: str) -> BridgeLink | None:
        """Return a conversation's link."""

    async def linked(self, bridge: str, remote: str) -> str | None:
        """Return the `sender_id` of the conversation with this id in another help desk."""

    async def put_link(self, link: BridgeLink) -> None:
        """Store a link, or replace `remote` and `data` of the stored one."""

    async def postpone_link(self, bridge: str, sender_id: str, *, failures: int, retry_at: float) -> None:
        """Set `failures` and `retry_at` of a link. If the conversation has no link, store an empty one with them."""

    async def settle_link(self, bridge: str, sender_id: str) -> None:
        """Set `failures` and `retry_at` of a link to 0, if the conversation has a link."""

    async def due_links(self, bridge: str, *, now: float, limit: int) -> list[str]:
        """Return the conversations whose `retry_at` is set and not later than `now`, in order of that time."""

    async def remove_links(self, sender_id: str) -> None:
        """Remove the links of a conversation."""
