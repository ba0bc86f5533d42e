"""The commands that look into the store: conversations, db, import-rasa."""

import asyncio
import json
import sqlite3
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from manent.cli.main import main
from manent.core.postbox import Route, Undelivered
from manent.stores.sqlite.store import SqliteStore
from manent.testing.logs import empty, talk


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose store holds two conversations, of one and two turns; commands are called in it."""

    async def fill() -> None:
        store = SqliteStore(tmp_path / "conversations.db")
        await store.open()
        await talk(store, empty("ada"), 1)
        await talk(store, empty("bob"), 2)
        await store.close()

    asyncio.run(fill())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("project")
def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    """Every conversation is a line with its number of events."""
    assert main(["conversations", "list"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-2:] for line in lines] == [["4", "ada"], ["8", "bob"]]


@pytest.mark.parametrize("command", ["list", "show ada", "export", "erase --yes ada"])
def test_missing_store_is_not_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """In a folder without a store, for example the wrong one, the command fails and does not create a store."""
    monkeypatch.chdir(tmp_path)

    assert main(["conversations", *command.split()]) == 1
    assert "conversations.db does not exist: run this command in the project's folder" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_show_lists_what_did_not_arrive_or_may_have_arrived_twice(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Below the messages stand the channel, rejected messages and uncertain sends, each with its reason."""

    async def record() -> None:
        store = SqliteStore(project / "conversations.db")
        await store.open()
        await store.open_route(Route(sender_id="ada", channel="callback", address="ada"))
        lost = Undelivered(seq=3, part=0, reason="status 410", time=1.0)
        await store.record_undelivered("ada", lost)
        await store.record_undelivered("ada", replace(lost, part=1, reason="no answer", is_uncertain=True))
        await store.close()

    asyncio.run(record())
    assert main(["conversations", "show", "ada"]) == 0
    shown = capsys.readouterr().out
    assert "Sends messages over the channel callback: ada" in shown
    assert "not delivered: message 3, part 1: status 410" in shown
    assert "sent again, can have arrived twice: message 3, part 2: no answer" in shown


@pytest.mark.usefixtures("project")
def test_list_says_when_it_stops(capsys: pytest.CaptureFixture[str]) -> None:
    """A limit that leaves something out is told."""
    assert main(["conversations", "list", "--limit", "1"]) == 0

    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 1
    assert "--limit" in shown.err


@pytest.mark.usefixtures("project")
def test_show(capsys: pytest.CaptureFixture[str]) -> None:
    """What was said is printed in order: a click by its title, the bot's text."""
    assert main(["conversations", "show", "ada"]) == 0

    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("visitor  Hello!")
    assert second.endswith("bot      re: message 1")


@pytest.mark.usefixtures("project")
def test_unknown_conversation(capsys: pytest.CaptureFixture[str]) -> None:
    """A conversation that is not there is an error that says where to look."""
    assert main(["conversations", "show", "eve"]) == 1
    assert "conversations list" in capsys.readouterr().err


def test_export(project: Path) -> None:
    """Events are written one a line, with their conversation and number, none left out."""
    assert main(["conversations", "export", "--out", "all.jsonl"]) == 0

    events = [json.loads(line) for line in (project / "all.jsonl").read_text().splitlines()]
    assert [(event["sender_id"], event["seq"]) for event in events] == [
        *(("ada", seq) for seq in range(1, 5)),
        *(("bob", seq) for seq in range(1, 9)),
    ]
    assert events[0]["event"] == "user"


@pytest.mark.usefixtures("project")
def test_export_to_the_event_broker(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All events, or those of one conversation, go to the broker as the server would tell it."""
    assert main(["conversations", "export", "--to-broker"]) == 1
    assert "contains no event_broker" in capsys.readouterr().err
    (project / "endpoints.yml").write_text("event_broker:\n  type: file\n")
    assert main(["conversations", "export", "--to-broker"]) == 0
    assert "Published 12 events of 2 conversations." in capsys.readouterr().out
    assert main(["conversations", "export", "bob", "--to-broker"]) == 0
    lines = [json.loads(line) for line in (project / "rasa_event.log").read_text().splitlines()]

    assert [line["sender_id"] for line in lines] == ["ada"] * 4 + ["bob"] * 16
    assert list(lines[0])[:2] == ["sender_id", "event"]
    assert main(["conversations", "export", "--to-broker", "--format", "json"]) == 2


@pytest.mark.usefixtures("project")
def test_export_for_a_visitor_who_asks(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """As JSON: every event with its number and title; as a transcript: who said what."""
    assert main(["conversations", "export", "ada", "--format", "json"]) == 0
    kept = json.loads(capsysbinary.readouterr().out)
    assert main(["conversations", "export", "ada", "--format", "transcript"]) == 0
    title, _, *said = capsysbinary.readouterr().out.decode().splitlines()

    assert kept["sender_id"] == "ada"
    assert [event["seq"] for event in kept["events"]] == [1, 2, 3, 4]
    assert kept["events"][0]["title"] == "Hello!"
    assert title.startswith("Conversation ada, ")
    assert [line.split("  ", 1)[1] for line in said[:2]] == ["visitor  Hello!", "bot      re: message 1"]
    assert said[2:] == ["", "Remembered:", '  mood: {"of":["joy",null,1.5]}']
    assert kept["slots"] == {"mood": {"of": ["joy", None, 1.5]}}


@pytest.mark.usefixtures("project")
def test_export_of_one_owner(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """For a subject that owns nothing, the export is empty, and a message says so."""
    assert main(["conversations", "export", "--owner", "ada", "--format", "json"]) == 0
    written = capsysbinary.readouterr()
    assert written.out == b""
    assert b"no conversations of the owner 'ada'" in written.err


@pytest.mark.usefixtures("project")
def test_erase(capsys: pytest.CaptureFixture[str]) -> None:
    """An erased conversation is neither listed nor shown; the other one stays."""
    assert main(["conversations", "erase", "ada", "--yes"]) == 0
    assert main(["conversations", "erase", "eve", "--yes"]) == 1
    capsys.readouterr()

    assert main(["conversations", "list"]) == 0
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()] == ["bob"]


def test_backup(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A copy is made under the name that is given, and never over a file."""
    assert main(["db", "backup", "copy.db"]) == 0
    with sqlite3.connect(project / "copy.db") as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    copy.close()

    assert main(["db", "backup", "copy.db"]) == 1
    assert "exists" in capsys.readouterr().err


@pytest.mark.usefixtures("project")
def test_upgrade_of_a_new_store(capsys: pytest.CaptureFixture[str]) -> None:
    """A store of this version's schema is left as it is."""
    assert main(["db", "upgrade"]) == 0
    assert " already." in capsys.readouterr().out


@pytest.mark.parametrize("command", [["db", "upgrade", "--rolling"], ["db", "copy", "--from", "conversations.db"]])
def test_commands_without_the_extra(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    """For PostgreSQL, the commands name the extra that has to be installed."""
    (project / "endpoints.yml").write_text("tracker_store: {type: SQL, dialect: postgresql, url: localhost}\n")
    for module in [name for name in sys.modules if name.startswith("manent.stores.postgresql")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.delitem(sys.modules, "manent.stores.database_copy", raising=False)
    monkeypatch.setitem(sys.modules, "asyncpg", None)

    assert main(command) == 1
    assert "pip install 'manent[postgresql]'" in capsys.readouterr().err


def test_no_file_to_care_for(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A project that keeps its conversations in memory has nothing to copy, and is told so."""
    (project / "endpoints.yml").write_text("tracker_store:\n  type: in_memory\n")

    assert main(["db", "backup"]) == 1
    assert "in memory" in capsys.readouterr().err


def test_import_rasa(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Conversations of a Rasa database are listed beside our own; a database that is not there is an error."""
    with sqlite3.connect(project / "rasa.db") as rasa:
        rasa.execute(
            "CREATE TABLE events (id INTEGER PRIMARY KEY, sender_id VARCHAR(255), type_name VARCHAR(255),"
            " timestamp FLOAT, intent_name VARCHAR(255), action_name VARCHAR(255), data TEXT)"
        )
        said = {
            "event": "user",
            "timestamp": 5.0,
            "text": "hi",
            "input_channel": "rest",
            "parse_data": {"intent": {"name": "greet"}},
        }
        rasa.execute("INSERT INTO events (sender_id, type_name, data) VALUES ('carol', 'user', ?)", (json.dumps(said),))
    rasa.close()

    assert main(["import-rasa", "rasa.db"]) == 0
    assert main(["conversations", "show", "carol"]) == 0
    assert "visitor  hi" in capsys.readouterr().out
    assert main(["import-rasa", "--url", "sqlite:///rasa.db"]) == 0
    assert "0 events were copied" in capsys.readouterr().out
    assert main(["import-rasa"]) == 2  # the status of a wrong call
    assert main(["import-rasa", "rasa.db", "--url", "sqlite:///rasa.db"]) == 2
    capsys.readouterr()
    assert main(["import-rasa", "nothing.db"]) == 1


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("url", "module", "remedy"),
    [
        ("mysql://host/rasa", "pymysql", "pip install 'manent[import-rasa]'"),
        ("oracle+oracledb://host/rasa", "oracledb", "install the SQLAlchemy driver"),
    ],
)
def test_import_without_a_driver(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], url: str, module: str, remedy: str
) -> None:
    """Without the driver of a database, the error names the module and what to install."""
    monkeypatch.setitem(sys.modules, module, None)

    assert main(["import-rasa", "--url", url]) == 1
    shown = capsys.readouterr().err
    assert f"requires the module {module}, which is not installed; " in shown
    assert remedy in shown


@pytest.mark.usefixtures("project")
def test_import_without_sqlalchemy(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without SQLAlchemy, which only this command needs, the error names what to install."""
    for module in ("rasa_import", "rasa_sources"):
        monkeypatch.delitem(sys.modules, f"manent.stores.{module}", raising=False)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)

    assert main(["import-rasa", "rasa.db"]) == 1
    assert "pip install 'manent[import-rasa]'" in capsys.readouterr().err
