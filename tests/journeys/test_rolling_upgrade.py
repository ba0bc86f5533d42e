"""A rolling upgrade and the way back, while clients that do not retry send messages."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import asyncpg
import httpx
import pytest

from faults.rolling import restart, talking
from faults.servers import Fleet, fleet, history, until
from manent.stores.schema.steps import newest_schema
from support import postgres
from support.proxies import proxy
from support.releases import command_of, last_release, next_release

pytestmark = pytest.mark.slow

OPTIONS = ("--lame-duck", "2")
SETTLE_S = 2.0
"""How long servers of both releases run beside each other after each restart."""


@pytest.fixture(scope="module")
def last(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The last release."""
    return last_release(tmp_path_factory.mktemp("last") / "release")


@pytest.fixture(params=["postgresql", "sqlite"])
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of an empty PostgreSQL database, or the name of a SQLite file."""
    if request.param == "sqlite":
        yield "conversations.db"
        return
    folder = postgres.programs()
    if folder is None:
        pytest.skip("needs PostgreSQL")
    with postgres.running(folder) as cluster:
        yield cluster.new_database()


def tracker_store(database: str) -> str:
    """Return the section of endpoints.yml for a database."""
    place = f"dialect: postgresql, url: '{database}'" if "://" in database else f"dialect: sqlite, db: {database}"
    return f"tracker_store: {{type: SQL, {place}}}\n"


async def recorded(database: str, root: Path) -> list[str]:
    """Return the numbers that the store records: the oldest schema that can read it, and its schema, if recorded."""
    if "://" not in database:
        with closing(sqlite3.connect(root / database)) as file:
            tables = [name for (name,) in file.execute("SELECT name FROM sqlite_master")]
            names = [name for name in ("alembic_version", "schema_revision") if name in tables]
            return [file.execute(f"SELECT * FROM {name}").fetchone()[0] for name in names]  # noqa: S608
    connection = await asyncpg.connect(database)
    try:
        found = await connection.fetch(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'manent' "
            "AND table_name IN ('alembic_version', 'schema_revision') ORDER BY 1"
        )
        return [await connection.fetchval(f"SELECT * FROM manent.{row[0]}") for row in found]  # noqa: S608
    finally:
        await connection.close()


async def roll_to(fleet: Fleet, release: Path | None) -> None:
    """Replace each server by one of another release, one after the other."""
    for server in list(fleet.servers):
        await restart(fleet, server, *OPTIONS, release=release)
        await asyncio.sleep(SETTLE_S)


async def upgrade_and_return(
    tmp_path: Path, database: str, old: Path | None, new: Path | None
) -> tuple[list[list[str]], int]:
    """Upgrade two servers from one release to another, and return to the first, under clients that do not retry.

    The model and the store are made by the old release. Return what the store records before and after the upgrade,
    and the number of answers.
    """
    with fleet(tmp_path / "project", tracker_store=tracker_store(database)) as servers:
        for model in (servers.root / "models").iterdir():
            model.unlink()
        command_of(old, "train", cwd=servers.root)
        ports = [servers.start(*OPTIONS, release=old).port for _ in range(2)]
        schemas = [await recorded(database, servers.root)]
        with proxy("haproxy", tmp_path / "haproxy", ports) as url:
            await until(lambda: httpx.get(f"{url}/health/ready").status_code == 200)
            async with talking(url, clients=4) as clients:
                await asyncio.to_thread(command_of, new, "db", "upgrade", "--rolling", cwd=servers.root)
                schemas.append(await recorded(database, servers.root))
                await asyncio.sleep(SETTLE_S)  # both servers of the old release use the new schema
                await roll_to(servers, new)
                upgraded = clients.answered
                await until(lambda: clients.answered > upgraded + 50 or bool(clients.errors))
                await asyncio.to_thread(command_of, old, "db", "upgrade", cwd=servers.root)  # changes nothing
                await roll_to(servers, old)
                returned = clients.answered
                await until(lambda: clients.answered > returned + 50 or bool(clients.errors))
            seen = await history(servers.servers[0], "rest0")
        schemas.append(await recorded(database, servers.root))

    assert clients.errors == []
    assert set(seen) == {"hello", "Hello."}
    return schemas, clients.answered


async def test_from_the_last_release_and_back(last: Path, database: str, tmp_path: Path) -> None:
    """From the last release to this version and back: no client receives an error, loses a message or a reply."""
    schemas, answered = await upgrade_and_return(tmp_path, database, last, None)

    newest = newest_schema("sqlite").revision
    assert schemas == [["0006"], ["0006", newest], ["0006", newest]]
    assert answered > 200


async def test_to_the_next_release_and_back(database: str, tmp_path: Path) -> None:
    """The same from this version to a next release whose new step of the schema is additive."""
    schemas, answered = await upgrade_and_return(tmp_path, database, None, next_release(tmp_path / "next"))

    newest = newest_schema("sqlite").revision
    following = f"{int(newest) + 1:04}"
    assert schemas == [["0006", newest], ["0006", following], ["0006", following]]
    assert answered > 200
