"""The SQLite store against a plain list, under any sequence of appends, conflicts, reads, erasures and crashes."""

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from manent.core.conversation_log import Accepted, Append, Head, LogEntry, Snapshot
from manent.runtime.ports.store import DuplicateMessage, VersionConflict
from manent.stores.sqlite.store import SqliteStore
from manent.stores.thinning import superfluous
from manent.testing.logs import accepted_message, empty, turn

NAMES = st.sampled_from(["ada", "bob", "cyd"])
IDS = st.sampled_from(["m1", "m2", "m3", "m4", "m5", None])
OFFSETS = st.sampled_from([0, 0, 0, 0, -4, 4, 1])


@dataclass
class Log:
    """What the store should hold of one conversation: plain lists."""

    head: Head
    entries: list[LogEntry] = field(default_factory=list)
    accepted: dict[str, Accepted] = field(default_factory=dict)
    snapshots: list[Snapshot] = field(default_factory=list)


class StoreMachine(RuleBasedStateMachine):
    """Drives one store (two instances on one file, to have two processes' view) and a dictionary of lists alike."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp(prefix="manent-store-"))
        self.logs: dict[str, Log] = {}
        self.epochs = 0
        self.copies = 0

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine on the machine's own loop."""
        return self.loop.run_until_complete(work)

    @initialize()
    def open(self) -> None:
        """Two instances on one new file."""
        self.path = self.folder / "store.db"
        self.stores = [SqliteStore(self.path, durability="process") for _ in range(2)]
        for store in self.stores:
            self.run(store.open())

    def head(self, name: str) -> Head:
        """The head to append to: the log's, or an empty one under a new epoch."""
        if name in self.logs:
            return self.logs[name].head
        self.epochs += 1
        return empty(name, f"e{self.epochs}")

    @rule(name=NAMES, which=st.integers(0, 1), text=st.text(max_size=20), message_id=IDS, offset=OFFSETS,
          stale=st.booleans(), kept=st.booleans())  # fmt: skip
    def append(
        self, name: str, which: int, text: str, message_id: str | None, offset: int, *, stale: bool, kept: bool
    ) -> None:
        """Append a turn: at the right place, or at another version or epoch, with a fresh or a used id."""
        head = self.head(name)
        wrong_epoch = stale and offset == 1
        version = max(head.version + (offset if not wrong_epoch else 0), 0)
        base = replace(head, version=version, epoch="wrong" if wrong_epoch else head.epoch)
        append = turn(base, text, message_id=message_id, snapshot=text.encode() if kept else None)
        self.expect(append, name, self.stores[which].append(append))

    def expect(self, append: Append, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run an append and hold its outcome against the lists."""
        log = self.logs.get(name)
        ids = [one.message_id for one in append.accepted]
        if (log is None and append.expected_version != 0) or (
            log is not None and (log.head.version, log.head.epoch) != (append.expected_version, append.head.epoch)
        ):
            with pytest.raises(VersionConflict):
                self.run(work)
        elif log is not None and any(message_id in log.accepted for message_id in ids):
            with pytest.raises(DuplicateMessage) as refused:
                self.run(work)
            assert refused.value.accepted == log.accepted[ids[0]]
        else:
            self.run(work)
            self.take(append, name)

    def take(self, append: Append, name: str) -> None:
        """Do to the lists what the append did to the store."""
        log = self.logs.setdefault(name, Log(append.head))
        log.head = append.head
        log.entries += append.entries
        log.accepted |= {one.message_id: one for one in append.accepted}
        if append.snapshot is not None:
            log.snapshots.append(append.snapshot)
            gone = set(superfluous(snapshot.version for snapshot in log.snapshots))
            log.snapshots = [snapshot for snapshot in log.snapshots if snapshot.version not in gone]

    @rule(which=st.integers(0, 1), stale=st.sets(NAMES, max_size=2))
    def append_to_all_at_once(self, which: int, stale: set[str]) -> None:
        """Append to all conversations in one batch, some of them at another version."""
        appends = {}
        for name in ("ada", "bob", "cyd"):
            head = self.head(name)
            appends[name] = turn(replace(head, version=head.version + 4) if name in stale else head, "together")

        async def together() -> list[object]:
            return await asyncio.gather(
                *(self.stores[which].append(append) for append in appends.values()), return_exceptions=True
            )

        for (name, append), result in zip(appends.items(), self.run(together()), strict=True):
            if name in stale:
                assert isinstance(result, VersionConflict)
            else:
                assert result is None
                self.take(append, name)

    @rule(name=NAMES, which=st.integers(0, 1))
    def create(self, name: str, which: int) -> None:
        """Create, or be told what is there."""
        head = self.head(name)
        assert self.run(self.stores[which].create(head)) == head
        self.logs.setdefault(name, Log(head))

    @rule(name=NAMES, which=st.integers(0, 1), renewed=st.booleans())
    def erase(self, name: str, which: int, *, renewed: bool) -> None:
        """Erase, for good or leaving an empty conversation."""
        self.epochs += 1
        epoch = f"e{self.epochs}" if renewed else None
        assert self.run(self.stores[which].erase(name, new_epoch=epoch)) == (name in self.logs)
        self.logs.pop(name, None)
        if epoch is not None:
            head = self.run(self.stores[which].head(name))
            assert (head.version, head.epoch, head.visible) == (0, epoch, 0)
            self.logs[name] = Log(head)

    @precondition(lambda self: self.logs)
    @rule(data=st.data(), which=st.integers(0, 1))
    def replace_log(self, data: st.DataObject, which: int) -> None:
        """Put another log in the place of one."""
        name = data.draw(st.sampled_from(sorted(self.logs)))
        self.epochs += 1
        append = turn(empty(name, f"e{self.epochs}"), "replaced", message_id="m1")
        old = self.logs[name].head
        self.run(self.stores[which].replace(append, expected_epoch=old.epoch, expected_version=old.version))
        del self.logs[name]
        self.take(append, name)

    @rule()
    def crash(self) -> None:
        """Go on from a copy of the file and its write-ahead log, as they are in the middle of things."""
        self.copies += 1
        copy = self.folder / f"copy{self.copies}.db"
        for suffix in ("", "-wal"):  # the shared-memory index is not trusted after a crash
            source = Path(f"{self.path}{suffix}")
            if source.exists():
                shutil.copyfile(source, f"{copy}{suffix}")
        for store in self.stores:
            self.run(store.close())
        self.path = copy
        self.stores = [SqliteStore(copy, durability="process") for _ in range(2)]
        for store in self.stores:
            self.run(store.open())

    @rule(name=NAMES, which=st.integers(0, 1), cursor=st.integers(-1, 30), limit=st.integers(1, 6))
    def read_parts(self, name: str, which: int, cursor: int, limit: int) -> None:
        """Pages, tails and older snapshots are what the lists say."""
        log = self.logs.get(name)
        if log is None:
            return
        store = self.stores[which]
        visible = [entry for entry in log.entries if entry.view is not None]
        newer = [entry for entry in visible if entry.seq > cursor]
        older = [entry for entry in visible if entry.seq < cursor]
        after = self.run(store.after(name, cursor, limit=limit))
        assert (list(after.entries), after.has_more) == (newer[:limit], len(newer) > limit)
        page = self.run(store.page(name, before=cursor, limit=limit))
        assert (list(page.entries), page.has_more) == (older[-limit:], len(older) > limit)
        loaded = self.run(store.load(name, before=cursor))
        snapshots = [snapshot for snapshot in log.snapshots if snapshot.version < cursor]
        assert loaded.snapshot == (snapshots[-1] if snapshots else None)
        rest = [entry for entry in log.entries if entry.seq > cursor]
        assert len(self.run(store.tail(name, after=cursor, limit=limit))) == min(limit, len(rest))
        assert self.run(store.entries(name, after=cursor, limit=limit)) == rest[:limit]

    @invariant()
    def everything_is_there(self) -> None:
        """Each instance shows every log whole, and no other."""
        for store in getattr(self, "stores", []):
            assert [head.sender_id for head in self.run(store.conversations())] == sorted(self.logs)
            for name, log in self.logs.items():
                loaded = self.run(store.load(name))
                newest = log.snapshots[-1] if log.snapshots else None
                assert (loaded.head, loaded.snapshot) == (log.head, newest)
                assert list(loaded.entries) == log.entries[newest.version if newest else 0 :]
                assert self.run(store.entries(name)) == log.entries
                for message_id in ("m1", "m2", "m3", "m4", "m5"):
                    assert self.run(accepted_message(store, name, message_id)) == log.accepted.get(message_id)

    def teardown(self) -> None:
        """Close, and leave nothing behind."""
        for store in getattr(self, "stores", []):
            self.run(store.close())
        self.run(self.loop.shutdown_default_executor())
        self.loop.close()
        shutil.rmtree(self.folder)


class LongStoreMachine(StoreMachine):
    """The same machine for as long as a nightly run may take."""


def case(machine: type[StoreMachine], *, examples: int, steps: int) -> Any:
    """Return the machine as a test case."""
    found: Any = machine.TestCase
    found.settings = settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
    )
    return found


TestStoreMachine = case(StoreMachine, examples=min(15, settings().max_examples), steps=25)
TestStoreMachineLong = pytest.mark.slow(case(LongStoreMachine, examples=500, steps=50))
