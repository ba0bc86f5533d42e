"""From `tracker_store` in endpoints.yml to a store."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from manent.core.errors import StoreError
from manent.core.events import Json
from manent.runtime.database_url import postgresql_dsn
from manent.stores.memory import MemoryStore
from manent.stores.opening import open_store, postgresql_options, sqlite_path
from manent.stores.postgresql.options import PostgresqlOptions
from manent.stores.postgresql.store import PostgresqlStore
from manent.stores.sqlite.file import prepare_file
from manent.stores.sqlite.store import SqliteStore


@pytest.mark.parametrize(
    ("section", "file"),
    [
        (None, "conversations.db"),
        ({}, "conversations.db"),
        ({"type": "SQL"}, "rasa.db"),
        ({"type": "SQL", "dialect": "sqlite", "db": "chats/mine.db"}, "chats/mine.db"),
        ({"store_type": "sql", "db": "mine.db"}, "mine.db"),
        ({"type": "SQL", "url": "sqlite:///chats.db"}, "chats.db"),
        ({"type": "SQL", "url": "sqlite+pysqlite:///chats.db?timeout=3"}, "chats.db"),
    ],
)
def test_sqlite_files(section: Json | None, file: str, tmp_path: Path) -> None:
    """Without a section the file is beside the project; `SQL` with `sqlite` names its own, relative to the project."""
    store = open_store(section, root=tmp_path, durability="disk")

    assert isinstance(store, SqliteStore)
    assert store.path == tmp_path / file


def test_absolute_files_stay_absolute(tmp_path: Path) -> None:
    """An absolute path is not bent to the project's folder."""
    path = tmp_path / "elsewhere.db"

    assert sqlite_path({"type": "SQL", "db": str(path)}, root=Path("project")) == path
    assert sqlite_path({"type": "SQL", "url": f"sqlite:///{path}"}, root=Path("project")) == path


@pytest.mark.parametrize(
    "section",
    [
        {"type": "InMemory"},
        {"type": "in_memory"},
        {"store_type": "inmemory"},
        {"type": "SQL", "dialect": "sqlite", "db": ":memory:"},
        {"type": "SQL", "url": "sqlite://"},
    ],
)
def test_memory(section: Json, tmp_path: Path) -> None:
    """The names that mean memory."""
    assert isinstance(open_store(section, root=tmp_path), MemoryStore)


@pytest.mark.parametrize(
    ("section", "dsn"),
    [
        (
            {
                "dialect": "postgresql",
                "url": "db.example",
                "port": 5433,
                "db": "chats",
                "username": "u",
                "password": "p@/",
            },
            "postgresql://u:p%40%2F@db.example:5433/chats",
        ),
        ({"dialect": "postgresql+psycopg2", "db": "chats"}, "postgresql://localhost/chats"),
        (
            {"dialect": "postgresql", "url": "db", "username": "u", "query": {"sslmode": "require"}},
            "postgresql://u@db/rasa.db?sslmode=require",
        ),
        ({"url": "postgresql+psycopg2://u:p@db:5432/chats?a=b"}, "postgresql://u:p@db:5432/chats?a=b"),
        ({"dialect": "sqlite", "db": "rasa.db"}, None),
        ({"url": "sqlite:///rasa.db"}, None),
        ({"dialect": "oracle"}, None),
    ],
)
def test_postgresql_addresses(section: Json, dsn: str | None) -> None:
    """Rasa's keys, or a whole URL with whatever driver, name a PostgreSQL database."""
    assert postgresql_dsn({"type": "SQL", **section}) == dsn
    assert postgresql_dsn({"type": "redis", **section}) is None


def test_postgresql_store(tmp_path: Path) -> None:
    """`SQL` with `postgresql` gives its store, unopened: nobody is called yet."""
    store = open_store({"type": "SQL", "dialect": "postgresql", "url": "nowhere.invalid"}, root=tmp_path)

    assert isinstance(store, PostgresqlStore)


@pytest.mark.parametrize(
    "section",
    [{"type": "redis", "url": "localhost"}, {"type": "SQL", "dialect": "oracle"}],
)
def test_unsupported_stores_are_named(section: Json, tmp_path: Path) -> None:
    """What is not supported is refused by name, with what is; conversations never go elsewhere in silence."""
    with pytest.raises(StoreError) as refused:
        open_store(section, root=tmp_path)

    assert refused.value.code == "store_unsupported"
    assert str(section["type"]) in refused.value.message
    assert "InMemory" in refused.value.message


def test_unknown_durability_is_refused(tmp_path: Path) -> None:
    """A misspelt durability is not taken for the weaker one."""
    with pytest.raises(StoreError):
        open_store(None, root=tmp_path, durability="proces")


async def test_rasa_file_is_left_alone(tmp_path: Path) -> None:
    """A project that names its Rasa tracker store runs; the old file stays as it is and ours lies beside it."""
    path = tmp_path / "rasa.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE events (id INTEGER PRIMARY KEY, sender_id VARCHAR(255))")
        connection.commit()
    before = path.read_bytes()
    section = {"type": "SQL", "dialect": "sqlite", "db": "rasa.db"}
    store = open_store(section, root=tmp_path)
    await store.open()
    await store.close()

    assert isinstance(store, SqliteStore)
    assert store.path == tmp_path / "rasa.manent.db"
    assert path.read_bytes() == before
    path.unlink()
    assert sqlite_path(section, root=tmp_path) == store.path


def test_a_damaged_default_file_is_not_replaced(tmp_path: Path) -> None:
    """A `conversations.db` that is not a database stays the store's file: it may be a damaged store of ours."""
    (tmp_path / "conversations.db").write_text("This was never a database.")

    assert sqlite_path({}, root=tmp_path) == tmp_path / "conversations.db"


def test_a_locked_store_is_not_another_programs(tmp_path: Path) -> None:
    """A store of ours that another process holds locked stays the store: no second file is begun beside it."""
    path = tmp_path / "conversations.db"
    prepare_file(path, durability="disk")
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("CREATE TABLE t (x)")

        assert sqlite_path({}, root=tmp_path) == path


@pytest.mark.parametrize(
    ("section", "options"),
    [
        ({}, PostgresqlOptions()),
        ({"pool_size": "4", "max_overflow": 2, "pgbouncer": True}, PostgresqlOptions(pool_size=6, pgbouncer=True)),
        (
            {"connect_timeout": 1, "statement_timeout": "2.5", "network_timeout": 3},
            PostgresqlOptions(connect_timeout=1.0, statement_timeout=2.5, network_timeout=3.0),
        ),
        (
            {"query": {"connect_timeout": 7, "tcp_user_timeout": 9000}},
            PostgresqlOptions(connect_timeout=7.0, network_timeout=9.0),
        ),
    ],
)
def test_postgresql_options(section: Json, options: PostgresqlOptions) -> None:
    """The keys of `tracker_store`, libpq's names in `query`, and the defaults become options."""
    assert postgresql_options({"type": "SQL", "dialect": "postgresql", **section}) == options
