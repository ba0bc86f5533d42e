"""The schema: migrations, the start's own DDL and the tables lead to the same, and old stores are told what to do."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext

from manent.core.errors import StoreError
from manent.stores import migrations
from manent.stores.migrations import newest_revision, upgrade_sqlite
from manent.stores.sqlite import schema
from manent.stores.sqlite.schema import prepare_file
from manent.stores.sqlite.store import SqliteStore
from manent.stores.tables import metadata
from support.logs import empty, talk


def shape(path: Path) -> dict[str, object]:
    """Everything that SQLite says about the tables and indexes of a file."""
    with closing(sqlite3.connect(path)) as connection:

        def rows(statement: str) -> list[tuple[object, ...]]:
            return connection.execute(statement).fetchall()

        tables = [row for row in rows("PRAGMA table_list") if not str(row[1]).startswith("sqlite_")]
        found: dict[str, object] = {"application": rows("PRAGMA application_id")}
        for row in tables:
            found[f"table {row[1]}"] = (row[3:], rows(f"PRAGMA table_xinfo({row[1]})"))
            for index in rows(f"PRAGMA index_list({row[1]})"):
                found[f"index {index[1]}"] = (index[2:], rows(f"PRAGMA index_xinfo({index[1]})"))
        found["conditions"] = sorted(rows("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql NOT NULL"))
        return found


def test_new_file_equals_migrated_file(tmp_path: Path) -> None:
    """A file laid out at the start has what the migrations make, to the column and index."""
    prepare_file(tmp_path / "laid_out.db", durability="disk")
    assert upgrade_sqlite(tmp_path / "migrated.db") == (None, newest_revision())

    assert shape(tmp_path / "laid_out.db") == shape(tmp_path / "migrated.db")
    assert "index ix_conversations_open" in shape(tmp_path / "laid_out.db")


def test_migrations_lead_to_the_tables(tmp_path: Path) -> None:
    """What Alembic would still generate to reach the tables' metadata is nothing."""
    upgrade_sqlite(tmp_path / "store.db")
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'store.db'}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})

        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_newest_migration_is_what_the_start_expects() -> None:
    """The revision that the start checks is the last migration's."""
    assert newest_revision() == schema.REVISION


def made_by_migrations(path: Path, revision: str) -> Path:
    """An empty store as an earlier version of the product laid it out."""
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(migrations._REVISIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()
    return path


@pytest.mark.parametrize("revision", ["0001", "0002", "0003"])
async def test_old_store_is_refused_then_upgraded(tmp_path: Path, revision: str) -> None:
    """A file of an earlier version with a conversation in it keeps it, and a copy, and works from then on."""
    path = tmp_path / "store.db"
    store = SqliteStore(path)
    await store.open()
    head = await talk(store, empty(), 3, snapshot_every=2)
    entries = await store.entries("ada")
    await store.close()
    old = shape(made_by_migrations(tmp_path / "old.db", revision))
    with closing(sqlite3.connect(path)) as connection:
        for table in ("reminders", "meta", "revocations", "published"):
            if f"table {table}" not in old:
                connection.execute(f"DROP TABLE {table}")
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.commit()
    assert shape(path).keys() == old.keys()
    with pytest.raises(StoreError, match="manent db upgrade"):
        await SqliteStore(path).open()

    assert upgrade_sqlite(path) == (revision, newest_revision())
    await store.open()
    assert await store.entries("ada") == entries
    assert await talk(store, head, 1) == await store.head("ada")
    await store.close()
    assert (tmp_path / f"store.db.{revision}.bak").exists()


async def test_upgrade_of_current_store_changes_nothing(tmp_path: Path) -> None:
    """Upgrading twice is harmless, and conversations stay."""
    store = SqliteStore(tmp_path / "store.db")
    await store.open()
    head = await talk(store, empty(), 2)
    await store.close()
    assert upgrade_sqlite(tmp_path / "store.db") == (newest_revision(), newest_revision())

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


async def test_text_file_is_no_database(tmp_path: Path) -> None:
    """A file that is no database at all gives a clear code."""
    path = tmp_path / "notes.db"
    path.write_text("just some notes, longer than a header of a database would be\n" * 20)
    with pytest.raises(StoreError) as refused:
        await SqliteStore(path).open()

    assert refused.value.code == "store_corrupt"


def test_start_path_is_light(tmp_path: Path) -> None:
    """Opening a SQLite store imports neither SQLAlchemy nor Alembic."""
    script = (
        "import asyncio, sys, pathlib\n"
        "from manent.stores.opening import open_store\n"
        "async def main():\n"
        "    store = open_store(None, root=pathlib.Path(sys.argv[1]))\n"
        "    await store.open(); await store.close()\n"
        "asyncio.run(main())\n"
        "print([name for name in ('sqlalchemy', 'alembic') if name in sys.modules])\n"
    )
    printed = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True)

    assert printed.stdout.strip() == "[]"
