"""Stores of earlier versions: they are rejected with the command to run, and upgraded without a loss."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from manent.core.errors import StoreError
from manent.stores.schema import steps
from manent.stores.schema.steps import ADDITIVE, Recorded, Step, newest_revision, newest_schema, read_step
from manent.stores.sqlite import upgrade
from manent.stores.sqlite.backup import backup_sqlite
from manent.stores.sqlite.file import APPLICATION_ID, prepare_file, recorded_schema
from manent.stores.sqlite.store import SqliteStore
from manent.stores.sqlite.upgrade import upgrade_sqlite
from manent.testing.logs import empty, talk
from support.old_stores import ALEMBIC_REVISIONS, contents, shape, store_of_alembic, upgraded

NEWEST = newest_revision("sqlite")


@pytest.mark.parametrize("revision", ALEMBIC_REVISIONS)
def test_upgraded_file_equals_new_file(tmp_path: Path, revision: str) -> None:
    """A file of any earlier version gets the tables, columns and indexes of a new file, and keeps every row."""
    prepare_file(tmp_path / "new.db", durability="disk")
    path = store_of_alembic(tmp_path / "old.db", revision)
    rows = contents(path)
    assert upgrade_sqlite(path) == (revision, NEWEST)

    assert shape(path) == shape(tmp_path / "new.db")
    assert rows["events"]
    assert contents(path) == {name: [] for name in contents(path)} | upgraded(rows)


@pytest.mark.parametrize("revision", [one for one in ALEMBIC_REVISIONS if one < NEWEST])
async def test_old_store_is_refused_then_upgraded(tmp_path: Path, revision: str) -> None:
    """A file of an earlier version is not opened; upgraded, it has its conversation, a backup, and takes new turns."""
    path = store_of_alembic(tmp_path / "store.db", revision)
    old = contents(path)
    store = SqliteStore(path)
    with pytest.raises(StoreError, match="manent db upgrade") as refused:
        await store.open()
    assert refused.value.code == "store_schema_old"
    assert upgrade_sqlite(path) == (revision, NEWEST)

    await store.open()
    head = await store.head("ada")
    assert head is not None
    assert [entry.seq for entry in await store.entries("ada")] == list(range(1, 13))
    assert await talk(store, head, 1) == await store.head("ada")
    await store.close()
    assert contents(tmp_path / f"store.db.{revision}.bak") == old


async def test_newest_alembic_store_opens_after_an_upgrade(tmp_path: Path) -> None:
    """The last schema that Alembic made lacks the later steps; after them, its conversations are there."""
    path = store_of_alembic(tmp_path / "store.db", ALEMBIC_REVISIONS[-1])
    assert upgrade_sqlite(path) == (ALEMBIC_REVISIONS[-1], NEWEST)
    store = SqliteStore(path)
    await store.open()

    assert len(await store.entries("ada")) == 12
    await store.close()


def test_upgrade_without_a_backup(tmp_path: Path) -> None:
    """Without a backup there is only the upgraded file."""
    path = store_of_alembic(tmp_path / "store.db", "0001")
    upgrade_sqlite(path, backup=False)

    assert list(tmp_path.glob("*.bak")) == []


def test_failing_upgrade_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a step fails, the steps before it are rolled back, too."""
    broken = tmp_path / "9998_broken.sql"
    broken.write_text("CREATE TABLE more (id INTEGER);\nCREATE TABLE events (id INTEGER);\n")
    found = (*steps.steps("sqlite"), Step("9998", broken))
    monkeypatch.setattr(steps, "steps", lambda _: found)
    path = store_of_alembic(tmp_path / "store.db", "0002")
    before = shape(path), contents(path)
    with pytest.raises(StoreError, match="events already exists"):
        upgrade_sqlite(path)

    assert (shape(path), contents(path)) == before


def test_another_process_upgrades_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upgrade that another process finished since the check has nothing left to do."""
    path = store_of_alembic(tmp_path / "store.db", "0003")

    def overtaken(source: Path, target: Path) -> int:
        monkeypatch.setattr(upgrade, "backup_sqlite", backup_sqlite)
        assert upgrade_sqlite(source, backup=False) == ("0003", NEWEST)
        return backup_sqlite(source, target)

    monkeypatch.setattr(upgrade, "backup_sqlite", overtaken)

    assert upgrade_sqlite(path) == ("0003", NEWEST)
    assert contents(path)["events"]


def test_upgrade_creates_a_store(tmp_path: Path) -> None:
    """Where there is no file, an upgrade creates a store."""
    assert upgrade_sqlite(tmp_path / "data" / "store.db") == (None, NEWEST)
    prepare_file(tmp_path / "data" / "store.db", durability="disk")


def test_upgrade_of_a_newer_store(tmp_path: Path) -> None:
    """A file of a later version is neither changed nor backed up."""
    path = store_of_alembic(tmp_path / "store.db", "0004")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="9999") as refused:
        upgrade_sqlite(path)

    assert refused.value.code == "store_schema_new"
    assert list(tmp_path.glob("*.bak")) == []


def test_rolling_upgrade_refuses_steps_that_are_not_additive(tmp_path: Path) -> None:
    """If servers of the old schema could not continue, nothing is changed, and the error names the step."""
    path = store_of_alembic(tmp_path / "store.db", "0004")
    before = shape(path), contents(path)
    with pytest.raises(StoreError, match="after step 0005") as refused:
        upgrade_sqlite(path, additive_only=True)

    assert refused.value.code == "store_schema_stop"
    assert (shape(path), contents(path)) == before
    assert list(tmp_path.glob("*.bak")) == []


def test_rolling_upgrade_applies_additive_steps(tmp_path: Path) -> None:
    """A store that lacks only additive steps is upgraded, and its old schema remains the oldest that can read it."""
    old = newest_schema("sqlite").readable_by
    path = tmp_path / "store.db"
    with closing(sqlite3.connect(path)) as connection:
        for step in steps.steps("sqlite"):
            if step.revision <= old:
                connection.executescript(step.file.read_text())
        connection.execute(f"INSERT INTO alembic_version VALUES ('{old}')")  # noqa: S608
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.commit()

    assert upgrade_sqlite(path, additive_only=True) == (old, NEWEST)
    with closing(sqlite3.connect(path)) as connection:
        assert recorded_schema(connection) == Recorded(NEWEST, old)


def upgrade_with_the_next_release(path: Path, script: str) -> None:
    """Upgrade a store with a version of Manent that has one more step."""
    file = path.with_name("9998_next.sql")
    file.write_text(script)
    with pytest.MonkeyPatch.context() as patch:
        every = (*steps.steps("sqlite"), read_step(file))
        patch.setattr(steps, "steps", lambda _: every)
        assert upgrade_sqlite(path, backup=False) == (NEWEST, "9998")


async def test_this_release_uses_a_store_after_an_additive_step(tmp_path: Path) -> None:
    """A store that the next release has upgraded is opened and written, and another upgrade does not change it."""
    path = tmp_path / "store.db"
    store = SqliteStore(path)
    await store.open()
    head = await talk(store, empty(), 1)
    upgrade_with_the_next_release(
        path, f"{ADDITIVE}\nCREATE TABLE more (id INTEGER);\nALTER TABLE conversations ADD COLUMN more TEXT;\n"
    )
    head = await talk(store, head, 1)  # a server that is running
    await store.close()
    assert upgrade_sqlite(path) == ("9998", "9998")
    with closing(sqlite3.connect(path)) as connection:
        assert recorded_schema(connection) == Recorded("9998", newest_schema("sqlite").readable_by)
    await store.open()  # a server that starts
    assert await store.head("ada") == head
    await talk(store, head, 1)
    await store.close()


async def test_this_release_refuses_a_store_after_a_step_that_is_not_additive(tmp_path: Path) -> None:
    """A store that the next release has changed for itself is neither opened nor upgraded."""
    path = tmp_path / "store.db"
    prepare_file(path, durability="disk")
    upgrade_with_the_next_release(path, "ALTER TABLE conversations RENAME COLUMN owner TO subject;\n")
    with pytest.raises(StoreError) as opening:
        await SqliteStore(path).open()
    with pytest.raises(StoreError) as upgrading:
        upgrade_sqlite(path)

    assert opening.value.code == upgrading.value.code == "store_schema_new"


async def test_upgrade_of_current_store_changes_nothing(tmp_path: Path) -> None:
    """Upgrading twice is harmless, and conversations stay."""
    store = SqliteStore(tmp_path / "store.db")
    await store.open()
    head = await talk(store, empty(), 2)
    await store.close()
    assert upgrade_sqlite(tmp_path / "store.db") == (NEWEST, NEWEST)

    await store.open()
    assert await store.head("ada") == head
    await store.close()


@pytest.mark.parametrize(("revision", "code"), [("0000", "store_schema_old"), ("9999", "store_schema_new")])
async def test_other_revisions_are_not_opened(tmp_path: Path, revision: str, code: str) -> None:
    """A store of another version is refused with the way on."""
    path = tmp_path / "store.db"
    prepare_file(path, durability="disk")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.execute("UPDATE schema_revision SET revision = ?", (revision,))
    with pytest.raises(StoreError) as refused:
        await SqliteStore(path).open()

    assert refused.value.code == code


async def test_foreign_files_are_left_alone(tmp_path: Path) -> None:
    """Another program's database is neither opened nor upgraded."""
    path = tmp_path / "rasa.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE events (id INTEGER PRIMARY KEY, sender_id VARCHAR(255))")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(StoreError) as opening:
        await SqliteStore(path).open()
    with pytest.raises(StoreError) as upgrading:
        upgrade_sqlite(path)

    assert opening.value.code == upgrading.value.code == "store_foreign_file"
    assert path.read_bytes() == before


async def test_text_file_is_not_a_database(tmp_path: Path) -> None:
    """A file that is not a database gives a clear code."""
    path = tmp_path / "notes.db"
    path.write_text("just some notes, longer than a header of a database would be\n" * 20)
    with pytest.raises(StoreError) as refused:
        await SqliteStore(path).open()

    assert refused.value.code == "store_corrupt"
