"""Keeps the head and the tracker of one conversation in memory.

`TurnRunner` loads the record before a turn, and `Feed.commit` appends to it. If another server has changed the log, an
append raises `VersionConflict`. The caller then drops the record, loads it again and runs the turn again. The record
does not notify subscribers.
"""

import secrets
import time
from collections.abc import Sequence

from msgspec.structs import replace

from manent.core import handler
from manent.core.conversation_log import Accepted, Append, Head, LogEntry, Snapshot
from manent.core.errors import RequestError
from manent.core.events import AgentUttered, BotUttered, Event
from manent.core.postbox import Route
from manent.core.tracker import Tracker, WindowExceeded
from manent.runtime.conversation.engine import Engine
from manent.runtime.conversation.numbering import Copied, Numbering
from manent.runtime.conversation.reminder_changes import changes_of
from manent.runtime.conversation.ticket import OperatorMessage, TurnCause
from manent.runtime.ports.store import Loaded, VersionConflict

SNAPSHOT_EVERY = 200
"""Number of events between two snapshots.

A load reads one snapshot (about 30 kB) and at most this many events, which takes about 2 ms.
"""

MAX_ATTEMPTS = 5
"""Maximum number of attempts to write, if other servers write to the same conversation first."""

_ALL_SNAPSHOTS = 1_000_000
"""A number greater than the number of snapshots of any conversation."""

OUTPUT_CHANNELS = {"rest": "collector"}
"""The output channel of each input channel with another name, as in Rasa."""


class Record:
    """The head and the tracker of one conversation, if they are in memory.

    Attributes:
        sender_id: key of the conversation.
        head: head of the log. None if head and tracker are not in memory.
        tracker: the tracker at `head`.
        owner: the subject that owns the conversation, if it is known. The next append stores the owner.
        plain_seq: `seq` up to which plain clients have received all bot events. The next append stores the number.
    """

    __slots__ = (
        "_empty_head",
        "_engine",
        "_extra_snapshots",
        "_snapshot_version",
        "head",
        "owner",
        "plain_seq",
        "sender_id",
        "tracker",
    )

    def __init__(self, sender_id: str, engine: Engine) -> None:
        self.sender_id = sender_id
        self.head: Head | None = None
        self.tracker: Tracker | None = None
        self.owner: str | None = None
        self.plain_seq = 0
        self._engine = engine
        self._empty_head: Head | None = None
        self._snapshot_version = 0
        self._extra_snapshots = 0

    async def load(self) -> tuple[Head, Tracker]:
        """Return head and tracker. Read head and tracker from the store if they are not in memory."""
        if self.head is not None and self.tracker is not None:
            return self.head, self.tracker
        if self._empty_head is not None:
            self.head, self.tracker = self._empty_head, self._new_tracker()
            self._empty_head, self._snapshot_version = None, 0
            return self.head, self.tracker
        before: int | None = None
        older = self._extra_snapshots  # number of snapshots to skip, counted from the newest one
        while True:
            loaded = await self._engine.store.load(self.sender_id, before=before)
            if loaded is None:
                head, tracker = self._new_head(self.owner), self._new_tracker()
                break
            head = loaded.head
            try:
                tracker = self._replay(loaded)
            except WindowExceeded:
                older = max(older, 1)
            if not older or loaded.snapshot is None:
                break
            older -= 1
            before = loaded.snapshot.version
        self.head, self.tracker = head, tracker
        self._snapshot_version = loaded.snapshot.version if loaded is not None and loaded.snapshot is not None else 0
        return head, tracker

    def assume_empty(self, head: Head | None) -> None:
        """Assume that the log is empty, so that the next load does not read the store.

        If another server has written to the log, the next append raises `VersionConflict`.

        Args:
            head: head of the empty log. None if the store does not contain the conversation yet.
        """
        if self.head is None:
            self._empty_head = head or self._new_head(self.owner)

    def forget(self, *, start_earlier: bool = False) -> None:
        """Drop head and tracker from memory.

        Args:
            start_earlier: load from an older snapshot next time, because a turn reverted events older than the
                tracker's window. The first such load starts one snapshot earlier, and the second at the beginning of
                the log. If the turn began with a custom action, that action runs again.
        """
        self.head = self.tracker = self._empty_head = None
        if start_earlier:
            self._extra_snapshots = _ALL_SNAPSHOTS if self._extra_snapshots else 1

    def trim(self, window: int) -> None:
        """Remove from the tracker all events that the next turn does not need.

        Args:
            window: number of applied actions to keep (`DialogueModel.window`).
        """
        self._extra_snapshots = 0
        if self.tracker is not None:
            self.tracker.trim(window)

    def output_channel(self) -> str:
        """Return the output channel for the visitor's latest input channel."""
        channel = (self.tracker and self.tracker.latest_input_channel) or "rest"
        return OUTPUT_CHANNELS.get(channel, channel)

    def _replay(self, loaded: Loaded) -> Tracker:
        if loaded.snapshot is None:
            tracker = self._new_tracker()
        else:
            tracker = Tracker.load(self.sender_id, self._engine.assistant.domain, loaded.snapshot.data)
        for entry in loaded.entries:
            tracker.update(entry.event)
        return tracker

    def _new_tracker(self) -> Tracker:
        return Tracker(sender_id=self.sender_id, domain=self._engine.assistant.domain)

    def _new_head(self, owner: str | None) -> Head:
        now = time.time()
        return Head(sender_id=self.sender_id, epoch=secrets.token_hex(8), owner=owner, started=now, updated=now)

    async def append(
        self, events: Sequence[Event], cause: TurnCause, *, open_turn: bool, copied: Copied | None = None
    ) -> tuple[tuple[LogEntry, ...], int | None]:
        """Append events that the tracker already contains.

        Args:
            events: the events in order. Empty: only acquire the lease.
            cause: the cause of the turn.
            open_turn: whether the turn continues after this append. If so, the lease is acquired.
            copied: origin of the events, if they were copied from another conversation.

        Returns:
            The entries, and the `seq` of the visitor's message if it is among them.

        Raises:
            VersionConflict: another server wrote first; nothing was written.
            ReminderGone: the reminder to fire no longer exists; nothing was written.
            DuplicateMessage: the message was already accepted; nothing was written.
            RequestError: `wrong_channel`: the messages are for a channel that cannot have this conversation; nothing
                was written.
            StoreError: nothing was written.
        """
        head, tracker = self.head, self.tracker
        assert head is not None  # noqa: S101  # `load` has set it
        assert tracker is not None  # noqa: S101
        if self._engine.posted_to:
            await self._open_routes(events, head)
        now = time.time()
        numbering = Numbering(head, tracker, cause.ticket)
        entries = numbering.entries(events, copied)
        after = numbering.head_after(
            head,
            plain_seq=max(head.plain_seq, min(self.plain_seq, head.version)),
            open_turn=open_turn,
            lease=self._engine.leases.new() if open_turn else None,
            owner=head.owner or self.owner,
            updated=now,
        )
        snapshot = None
        if not open_turn and after.version - self._snapshot_version >= SNAPSHOT_EVERY:
            snapshot = Snapshot(version=after.version, data=tracker.dump())
        accepted, ticket, message_seq = None, cause.ticket, numbering.message_seq
        if copied is not None:
            accepted = Accepted(message_id=copied.message_id, seq=after.version, digest=b"")
        elif message_seq is not None and ticket is not None and ticket.digest is not None:
            accepted = Accepted(message_id=ticket.message_id, seq=message_seq, digest=ticket.digest)
        elif (sent := cause.operator_message) is not None:
            seqs = [entry.seq for entry in entries if isinstance(entry.event, AgentUttered)]
            accepted = Accepted(message_id=sent.message_id, seq=seqs[0], digest=sent.digest) if seqs else None
        fires = None if cause.is_written else cause.reminder
        await self._engine.store.append(
            Append(
                head=after,
                expected_version=head.version,
                expected_lease=head.lease,
                entries=entries,
                accepted=(accepted,) if accepted is not None else (),
                snapshot=snapshot,
                reminders=changes_of(
                    self.sender_id, entries, self.output_channel, fires=fires, schedules=cause.schedules_reminders
                ),
            )
        )
        cause.is_written = cause.is_written or bool(entries) or fires is not None
        self.head = after
        if snapshot is not None:
            self._snapshot_version = snapshot.version
        return entries, message_seq

    async def _open_routes(self, events: Sequence[Event], head: Head) -> None:
        """Create the route over which bot messages are sent, before they are in the log, so that no crash loses one."""
        channels = {
            str(event.metadata["output_channel"])
            for event in events
            if isinstance(event, BotUttered | AgentUttered) and "output_channel" in event.metadata
        }
        for channel in channels & self._engine.posted_to:
            route = Route(
                sender_id=self.sender_id,
                channel=channel,
                address=self.sender_id,
                epoch=head.epoch if head.version else "",
                seq=head.version,
            )
            if await self._engine.store.open_route(route) is None:
                raise RequestError(
                    "wrong_channel",
                    f"this conversation belongs to a messenger channel, so its messages cannot be sent over {channel}",
                    status=403,
                )

    async def append_internal(
        self, events: Sequence[Event], message: OperatorMessage | None = None
    ) -> tuple[LogEntry, ...]:
        """Append events that the visitor does not see, without changing the `updated` time of the conversation.

        So the conversation does not become the newest conversation of its owner.

        Args:
            events: the events.
            message: the message of an operator that the events add. Its id cannot be used again.

        Raises:
            VersionConflict: another server wrote first; nothing was written.
            DuplicateMessage: the message was already accepted; nothing was written.
            StoreError: nothing was written.
        """
        head, tracker = await self.load()
        entries = tuple(LogEntry(seq=seq, event=event) for seq, event in enumerate(events, head.version + 1))
        after = replace(head, version=head.version + len(entries))
        accepted: tuple[Accepted, ...] = ()
        if message is not None:
            accepted = (Accepted(message_id=message.message_id, seq=after.version, digest=message.digest),)
        await self._engine.store.append(
            Append(
                head=after,
                expected_version=head.version,
                expected_lease=head.lease,
                entries=entries,
                accepted=accepted,
            )
        )
        for event in events:
            tracker.update(event)
        self.head = after
        return entries

    async def replace(self, events: Sequence[Event]) -> Head:
        """Replace the log by a log with these events and a new epoch. Return its head.

        The handler remains the same: the new log ends with the events that name it. If another server changes the log
        at the same time, for example because an operator joins, the replacement is repeated.

        Raises:
            VersionConflict: another server changed the log during every attempt. Nothing was written.
            StoreError: nothing was written.
        """
        store = self._engine.store
        for attempt in range(1, MAX_ATTEMPTS + 1):
            old = await store.head(self.sender_id) or await store.create(self._new_head(self.owner))
            append = self._replacement(old, events)
            try:
                await store.replace(append, expected_epoch=old.epoch, expected_version=old.version)
            except VersionConflict:
                if attempt == MAX_ATTEMPTS:
                    raise
            else:
                break
        self.forget()
        self.plain_seq = 0
        return append.head

    def _replacement(self, old: Head, events: Sequence[Event]) -> Append:
        """Return the log that replaces an old one: the events, and those that name the handler."""
        now = time.time()
        carried = handler.carried(old.handling)
        events = [*events, *(replace(event, timestamp=event.timestamp or now) for event in carried)]
        empty, tracker = self._new_head(old.owner), self._new_tracker()
        for event in events:
            tracker.update(event)
        numbering = Numbering(empty, tracker)
        entries = numbering.entries(events)
        return Append(head=numbering.head_after(empty, started=old.started), expected_version=0, entries=entries)

    async def write_plain_seq(self) -> None:
        """Write `plain_seq` without appending events, unless another server has erased or replaced the log."""
        head = await self._engine.store.head(self.sender_id)
        if head is None or (self.head is not None and self.head.epoch != head.epoch):
            return
        if head.plain_seq >= min(self.plain_seq, head.version):
            return
        after = replace(head, plain_seq=min(self.plain_seq, head.version))
        await self._engine.store.append(Append(head=after, expected_version=head.version, expected_lease=head.lease))
        if self.head is not None and (self.head.epoch, self.head.version) == (head.epoch, head.version):
            self.head = after
