"""A conversation's log as this process has it at hand: its head, and the tracker that it adds up to.

`turns.py` loads it before a turn; a conversation's `commit` appends the turn's events. What is at hand may be out of
date when another server writes; an append notices (`VersionConflict`), and whoever asked forgets, loads and decides
again. Nothing here tells anybody of what was written.
"""

import secrets
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from manent.core.conversation_log import Accepted, Append, Head, Lease, LogEntry, Snapshot
from manent.core.events import Event
from manent.core.tracker import Tracker, WindowExceeded
from manent.runtime.conversation.numbering import Copied, Numbering
from manent.runtime.conversation.reminder_changes import changes_of
from manent.runtime.conversation.ticket import Occasion
from manent.runtime.ports.store import Loaded

if TYPE_CHECKING:
    from manent.runtime.conversation.registry import Conversations

SNAPSHOT_EVERY = 200
"""Events between snapshots. A load reads one snapshot (some 30 kB) and at most this many events: about 2 ms."""

LEASE_S = 30.0

_TO_THE_BEGINNING = 1_000_000
"""More snapshots than any conversation has."""

OUTPUT_CHANNELS = {"rest": "collector"}
"""Name of the output channel where it is not the input channel's (contract §2: responses)."""


class Record:
    """Head and tracker of one conversation, while they are known.

    Attributes:
        head: None when nothing is at hand, like `tracker`.
        owner: the subject that owns it, once somebody was admitted as such; written with the next append.
        plain_seq: bot events up to here are known to have reached a plain client; written with the next append.
    """

    __slots__ = (
        "_beginning",
        "_deep",
        "_snapshot_version",
        "head",
        "home",
        "owner",
        "plain_seq",
        "sender_id",
        "tracker",
    )

    def __init__(self, sender_id: str, home: "Conversations") -> None:
        self.sender_id = sender_id
        self.home = home
        self.head: Head | None = None
        self.tracker: Tracker | None = None
        self.owner: str | None = None
        self.plain_seq = 0
        self._beginning: Head | None = None
        self._snapshot_version = 0
        self._deep = 0

    # reading --------------------------------------------------------------------------------------------------------

    async def load(self) -> tuple[Head, Tracker]:
        """Return head and tracker, from the store unless they are at hand already."""
        if self.head is not None and self.tracker is not None:
            return self.head, self.tracker
        if self._beginning is not None:
            self.head, self.tracker = self._beginning, self._new_tracker()
            self._beginning, self._snapshot_version = None, 0
            return self.head, self.tracker
        before: int | None = None
        deeper = self._deep  # snapshots to go back beyond the newest; a turn reverts more than its window held
        while True:
            loaded = await self.home.store.load(self.sender_id, before=before)
            if loaded is None:
                head, tracker = self._new_head(self.owner), self._new_tracker()
                break
            head = loaded.head
            try:
                tracker = self._replay(loaded)
            except WindowExceeded:
                deeper = max(deeper, 1)
            if not deeper or loaded.snapshot is None:
                break
            deeper -= 1
            before = loaded.snapshot.version
        self.head, self.tracker = head, tracker
        self._snapshot_version = loaded.snapshot.version if loaded is not None and loaded.snapshot is not None else 0
        return head, tracker

    def begins(self, head: Head | None) -> None:
        """Take it from the caller that the log is empty, so that the store need not be asked.

        Should it not be (another server was faster), an append says so, like of anything else at hand.

        Args:
            head: its head; None when the store has none yet.
        """
        if self.head is None:
            self._beginning = head or self._new_head(self.owner)

    def forget(self, *, deeper: bool = False) -> None:
        """Let go of what is at hand.

        Args:
            deeper: the next load goes back further, because a turn reverted more than this one held: first by one
                snapshot, then to the log's beginning. An action that the turn began with is asked anew each time.
        """
        self.head = self.tracker = self._beginning = None
        if deeper:
            self._deep = _TO_THE_BEGINNING if self._deep else 1

    def trim(self) -> None:
        """A turn is over: keep not much more of the past than the next one needs."""
        self._deep = 0
        if self.tracker is not None:
            self.tracker.trim(self.home.assistant.dialogue.window)

    def output_channel(self) -> str:
        """Name of the output channel of the channel that the visitor last spoke through."""
        channel = (self.tracker and self.tracker.latest_input_channel) or "rest"
        return OUTPUT_CHANNELS.get(channel, channel)

    def _replay(self, loaded: Loaded) -> Tracker:
        if loaded.snapshot is None:
            tracker = self._new_tracker()
        else:
            tracker = Tracker.load(self.sender_id, self.home.assistant.domain, loaded.snapshot.data)
        for entry in loaded.entries:
            tracker.update(entry.event)
        return tracker

    def _new_tracker(self) -> Tracker:
        return Tracker(sender_id=self.sender_id, domain=self.home.assistant.domain)

    def _new_head(self, owner: str | None) -> Head:
        now = time.time()
        return Head(sender_id=self.sender_id, epoch=secrets.token_hex(8), owner=owner, started=now, updated=now)

    # writing --------------------------------------------------------------------------------------------------------

    async def append(
        self, events: Sequence[Event], occasion: Occasion, *, open_turn: bool, copied: Copied | None = None
    ) -> tuple[tuple[LogEntry, ...], int | None]:
        """Append events that the tracker has taken in already; return their entries, and the number of the message.

        Args:
            events: in order; none, to take or renew the lease.
            occasion: what they are the answer to.
            open_turn: the turn goes on after this; a lease is taken or renewed.
            copied: where they come from, when they come from another conversation.

        Raises:
            VersionConflict: another server was faster; nothing was written.
            ReminderGone: the reminder to be used up is not there; nothing was written.
            DuplicateMessage: the message was accepted before; nothing was written.
            StoreError: nothing was written.
        """
        head, tracker = self.head, self.tracker
        assert head is not None  # noqa: S101  # load() ran
        assert tracker is not None  # noqa: S101
        now = time.time()
        numbering = Numbering(head, tracker, occasion.ticket)
        entries = numbering.entries(events, copied)
        after = numbering.head_after(
            head,
            plain_seq=max(head.plain_seq, min(self.plain_seq, head.version)),
            open_turn=open_turn,
            lease=Lease(owner=self.home.owner, until=now + LEASE_S) if open_turn else None,
            owner=head.owner or self.owner,
            updated=now,
        )
        snapshot = None
        if not open_turn and after.version - self._snapshot_version >= SNAPSHOT_EVERY:
            snapshot = Snapshot(version=after.version, data=tracker.dump())
        accepted, ticket, heard = None, occasion.ticket, numbering.heard
        if copied is not None:
            accepted = Accepted(message_id=copied.message_id, seq=after.version, digest=b"")
        elif heard is not None and ticket is not None and ticket.digest is not None:
            accepted = Accepted(message_id=ticket.message_id, seq=heard, digest=ticket.digest)
        fires = None if occasion.written else occasion.fires
        await self.home.store.append(
            Append(
                head=after,
                expected_version=head.version,
                expected_lease=head.lease,
                entries=entries,
                accepted=(accepted,) if accepted is not None else (),
                snapshot=snapshot,
                reminders=changes_of(
                    self.sender_id, entries, self.output_channel, fires=fires, schedules=occasion.schedules
                ),
            )
        )
        occasion.written = occasion.written or bool(entries) or fires is not None
        self.head = after
        if snapshot is not None:
            self._snapshot_version = snapshot.version
        return entries, heard

    async def replace(self, events: Sequence[Event]) -> Head:
        """Put these events in the place of the log, under another epoch; return its head.

        Raises:
            VersionConflict: another server replaced it meanwhile.
            StoreError: nothing was written.
        """
        old, _ = await self.load()
        await self.home.store.create(old)
        empty, tracker = self._new_head(old.owner), self._new_tracker()
        for event in events:
            tracker.update(event)
        numbering = Numbering(empty, tracker)
        entries = numbering.entries(events)
        head = numbering.head_after(empty, started=old.started)
        await self.home.store.replace(Append(head=head, expected_version=0, entries=entries), expected_epoch=old.epoch)
        self.forget()
        self.plain_seq = 0
        return head

    async def write_plain_seq(self) -> None:
        """Write `plain_seq` without waiting for an append that has something else to say."""
        head = await self.home.store.head(self.sender_id)
        if head is None or head.plain_seq >= min(self.plain_seq, head.version):
            return
        after = replace(head, plain_seq=min(self.plain_seq, head.version))
        await self.home.store.append(Append(head=after, expected_version=head.version, expected_lease=head.lease))
        if self.head is not None and self.head.version == head.version:
            self.head = after
