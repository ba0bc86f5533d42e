"""Bringing a Rasa tracker store over."""

import asyncio
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from manent.core.errors import StoreError
from manent.core.events import ActiveLoop, LoopInterrupted, SlotSet, UserUttered, encode_event
from manent.stores.memory import MemoryStore
from manent.stores.rasa_import import ImportReport, import_rasa
from manent.stores.sqlite.store import SqliteStore
from manent.testing.logs import accepted_message, turn

HERE = Path(__file__).parent
Wire = dict[str, Any]
BUTTONS = {"buttons": [{"title": "Great!", "payload": "/mood_great"}]}


def rasa_database(path: Path, rows: Sequence[tuple[str, Wire | str]]) -> str:
    """Write rows into a table as Rasa lays it out; return its URL."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS events (id INTEGER NOT NULL PRIMARY KEY, sender_id VARCHAR(255) NOT NULL, "
            "type_name VARCHAR(255) NOT NULL, timestamp FLOAT, intent_name VARCHAR(255), action_name VARCHAR(255), "
            "data TEXT)"
        )
        for sender_id, event in rows:
            data = event if isinstance(event, str) else json.dumps(event)
            name = "?" if isinstance(event, str) else event["event"]
            connection.execute(
                "INSERT INTO events (sender_id, type_name, data) VALUES (?, ?, ?)", (sender_id, name, data)
            )
        connection.commit()
    return f"sqlite:///{path}"


def user(text: str, message_id: str | None, at: float, channel: str | None = "rest") -> Wire:
    """A user event as Rasa stores it."""
    parse: Wire = {
        "intent": {"name": "greet", "confidence": 1.0},
        "entities": [],
        "text": text,
        "message_id": message_id,
    }
    return {"event": "user", "timestamp": at, "text": text, "parse_data": parse, "input_channel": channel,
            "message_id": message_id, "metadata": {"model_id": "m"}}  # fmt: skip


def bot(text: str, at: float, data: Wire | None = None) -> Wire:
    """A bot event as Rasa stores it."""
    keys = dict.fromkeys(("elements", "quick_replies", "buttons", "attachment", "image", "custom"))
    return {"event": "bot", "timestamp": at, "text": text, "data": {**keys, **(data or {})}, "metadata": {}}


def action(name: str, at: float) -> Wire:
    """An action event as Rasa stores it."""
    return {"event": "action", "timestamp": at, "name": name, "policy": None, "confidence": 1.0, "action_text": None,
            "hide_rule_turn": False}  # fmt: skip


CONVERSATION: list[Wire] = [
    action("action_session_start", 1.0),
    {"event": "session_started", "timestamp": 1.0},
    action("action_listen", 1.0),
    user("hi", "id1", 2.0),
    bot("How are you?", 2.1, BUTTONS),
    action("action_listen", 2.2),
    user("/mood_great", "id2", 3.0),
    {"event": "slot", "timestamp": 3.1, "name": "mood", "value": None},
    {"event": "form", "timestamp": 3.1, "name": None},
    {"event": "form_validation", "timestamp": 3.1, "validate": False},
    user("/mood_great", "id2", 3.2),
    user("EXTERNAL: tick", "id3", 4.0),
    bot("", 4.1),
    user("posted", "id4", 5.0, None),
    {"event": "session_started", "timestamp": 6.0},
    user("again", "id5", 7.0),
    {"event": "restart", "timestamp": 8.0},
    bot("Welcome", 9.0),
]


async def test_events_come_over_in_order(tmp_path: Path) -> None:
    """Every row becomes one event, in the order of the rows, legacy names and all."""
    url = rasa_database(tmp_path / "rasa.db", [("ada", event) for event in CONVERSATION])
    store = MemoryStore()
    report = await import_rasa(url, store)
    entries = await store.entries("ada")
    events = [entry.event for entry in entries]

    assert report == ImportReport(conversations=1, events=18)
    assert [entry.seq for entry in entries] == list(range(1, 19))
    assert [event.timestamp for event in events] == [event["timestamp"] for event in CONVERSATION]
    assert events[7:10] == [
        SlotSet(timestamp=3.1, name="mood", value=None),
        ActiveLoop(timestamp=3.1, name=None),
        LoopInterrupted(timestamp=3.1, is_loop_interrupted=True),
    ]
    head = await store.head("ada")
    assert head is not None
    assert (head.version, head.visible, head.session_seq, head.started, head.updated) == (18, 18, 15, 1.0, 9.0)
    assert not head.open_turn


async def test_only_what_the_visitor_saw_shows(tmp_path: Path) -> None:
    """Channel messages and bot messages show, with button titles and dividers; triggers, repeats, posts do not."""
    url = rasa_database(tmp_path / "rasa.db", [("ada", event) for event in CONVERSATION])
    store = MemoryStore()
    await import_rasa(url, store)
    page = await store.page("ada", limit=50)
    assert page is not None
    shown = [(entry.seq, entry.view.prev, entry.view.divider, entry.view.title) for entry in page.entries if entry.view]

    assert shown == [
        (4, 0, None, None),
        (5, 4, None, None),
        (7, 5, None, "Great!"),
        (16, 7, "session", None),
        (18, 16, "restart", None),
    ]
    accepted = await accepted_message(store, "ada", "id2")
    assert accepted is not None
    assert accepted.seq == 7


async def test_running_again_is_harmless(tmp_path: Path) -> None:
    """A second run writes nothing; rows that came since are appended; the result is that of one run."""
    path = tmp_path / "rasa.db"
    everything = [(f"visitor {n}", event) for event in CONVERSATION for n in range(3)]
    url = rasa_database(path, everything[:30])
    store = SqliteStore(tmp_path / "store.db", durability="process")
    await store.open()
    assert (await import_rasa(url, store)).events == 30
    assert await import_rasa(url, store) == ImportReport(conversations=3)
    rasa_database(path, everything[30:])
    assert await import_rasa(url, store) == ImportReport(conversations=3, events=24)

    at_once = MemoryStore()
    await import_rasa(url, at_once)
    for head in await at_once.conversations():
        assert await store.entries(head.sender_id) == await at_once.entries(head.sender_id)
        assert await store.head(head.sender_id) == head
    await store.close()


async def test_rows_that_rasa_wrote(tmp_path: Path) -> None:
    """The table of a real Rasa 3.6 (`rasa_events.jsonl`) comes over whole: each event says what its row said."""
    rows = [json.loads(line) for line in (HERE / "rasa_events.jsonl").read_text().splitlines()]
    written = [json.loads(row[-1]) for row in rows]
    store = MemoryStore()
    report = await import_rasa(rasa_database(tmp_path / "rasa.db", [(row[0], row[-1]) for row in rows]), store)
    entries = await store.entries("ada")
    page = await store.page("ada", limit=50)

    assert report == ImportReport(conversations=1, events=len(rows))
    assert page is not None
    assert [getattr(entry.event, "text", None) for entry in page.entries] == [
        *("hello", "Hello.", "count", "One.\n\nTwo.", "I am Ada", "Hello, Ada.", "/restart", "hello", "Hello.")
    ]
    for entry, row in zip(entries, written, strict=True):
        ours = msgspec.json.decode(encode_event(entry.event))
        assert {key: row[key] for key in ours if key in row} == {key: ours[key] for key in ours if key in row}
        assert all(value in (None, False, [], {}) for key, value in row.items() if key not in ours), row


async def test_long_conversations_come_in_parts(tmp_path: Path) -> None:
    """More rows than are read at once make one log, and an import that was cut off is completed."""
    rows = [user(f"message {n}", f"id{n}", float(n)) for n in range(1, 1301)]
    url = rasa_database(tmp_path / "rasa.db", [("ada", row) for row in rows[:700]])
    store = MemoryStore()
    await import_rasa(url, store)
    rasa_database(tmp_path / "rasa.db", [("ada", row) for row in rows[700:]])
    report = await import_rasa(url, store)

    assert report.events == 600
    said = [entry.event.text for entry in await store.entries("ada") if isinstance(entry.event, UserUttered)]
    assert said == [row["text"] for row in rows]
    page = await store.page("ada", limit=2, before=1000)
    assert page is not None
    assert [entry.view.prev for entry in page.entries if entry.view] == [997, 998]


async def test_conversations_that_went_on_here_are_left_alone(tmp_path: Path) -> None:
    """What was said here since is not touched; the report says which conversation has rows that did not come over."""
    path = tmp_path / "rasa.db"
    url = rasa_database(path, [("ada", event) for event in CONVERSATION])
    store = MemoryStore()
    await import_rasa(url, store)
    head = await store.head("ada")
    assert head is not None
    await store.append(turn(head))
    before = await store.entries("ada")
    assert (await import_rasa(url, store)).problems == []
    rasa_database(path, [("ada", user("meanwhile in Rasa", "id9", 99.0)), ("bob", CONVERSATION[3])])
    report = await import_rasa(url, store)

    assert (report.conversations, report.events) == (1, 1)
    assert [problem.partition(":")[0] for problem in report.problems] == ["ada"]
    assert await store.entries("ada") == before


async def test_rows_that_are_no_events_are_named(tmp_path: Path) -> None:
    """Custom event classes and damaged rows are left out, counted and named; the rest comes over."""
    rows: list[tuple[str, Wire | str]] = [
        ("ada", CONVERSATION[3]),
        ("ada", {"event": "my_own_event", "timestamp": 1.0}),
        ("ada", "{damaged"),
        ("ada", "[1]"),
        ("ada", CONVERSATION[4]),
    ]
    store = MemoryStore()
    report = await import_rasa(rasa_database(tmp_path / "rasa.db", rows), store)

    assert (report.conversations, report.events, report.unreadable) == (1, 2, 3)
    assert len(report.problems) == 1
    assert "ada: row 2" in report.problems[0]
    again = await import_rasa(f"sqlite:///{tmp_path / 'rasa.db'}", store)
    assert (again.events, again.unreadable) == (0, 3)


async def test_source_is_only_read(tmp_path: Path) -> None:
    """The Rasa file is the same byte for byte, progress is told, and a missing file is not made."""
    path = tmp_path / "rasa.db"
    url = rasa_database(path, [(f"visitor {n}", CONVERSATION[3]) for n in range(3)])
    before = await asyncio.to_thread(path.read_bytes)
    told: list[tuple[int, int]] = []
    await import_rasa(url, MemoryStore(), progress=lambda done, total: told.append((done, total)))

    assert told == [(1, 3), (2, 3), (3, 3)]
    assert await asyncio.to_thread(path.read_bytes) == before
    with pytest.raises(StoreError) as missing:
        await import_rasa(f"sqlite:///{tmp_path / 'none.db'}", MemoryStore())
    assert missing.value.code == "import_source"
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize("url", ["no url", "nodatabase://host/db", "sqlite:///{folder}/empty.db"])
async def test_unusable_sources_are_named(tmp_path: Path, url: str) -> None:
    """Not a URL, an unknown database, a database without the table: one code, with the reason."""
    with closing(sqlite3.connect(tmp_path / "empty.db")) as connection:
        connection.execute("CREATE TABLE other (id INTEGER)")
    with pytest.raises(StoreError) as refused:
        await import_rasa(url.format(folder=tmp_path), MemoryStore())

    assert refused.value.code == "import_source"
