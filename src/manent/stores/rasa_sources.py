"""Reads the conversations of Rasa's tracker stores: SQL databases, Redis and MongoDB. For `manent import-rasa`.

Sources are only read. The `import-rasa` extra installs the libraries that this module needs.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qs, urlsplit, urlunsplit

import msgspec
import sqlalchemy as sa

from manent.core.errors import StoreError
from manent.core.events import Json

ROWS_AT_ONCE = 500
"""Number of rows per read and of events per append.

It limits the memory and the work that an interrupted import repeats.
"""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Row:
    """One event of a conversation.

    Attributes:
        id: place of the event in the source, for messages.
        data: the event as JSON text or as an object.
    """

    id: Any
    data: Any

    def event(self) -> Any:
        """Return the event as a JSON object.

        Raises:
            MsgspecError: the data are not JSON.
        """
        return msgspec.json.decode(self.data) if isinstance(self.data, str | bytes) else self.data


class Source(Protocol):
    """A Rasa tracker store from which conversations are read."""

    async def senders(self) -> list[str]:
        """Return the ids of the conversations, sorted.

        Raises:
            StoreError: `import_source`: the store cannot be read.
        """

    def pages(self, sender_id: str) -> AsyncIterator[list[Row]]:
        """Yield a conversation's events in order, `ROWS_AT_ONCE` at a time."""

    def close(self) -> None:
        """Close the connections."""


def open_source(url: str) -> Source:
    """Return the source for a URL: an SQLAlchemy URL, `redis://…`, `rediss://…`, `mongodb://…` or `mongodb+srv://…`.

    Raises:
        StoreError: `import_source`: the URL is not valid, a file does not exist, or a library is missing.
    """
    scheme = url.partition("://")[0].lower()
    try:
        if scheme in ("redis", "rediss"):
            return RedisSource(url)
        if scheme in ("mongodb", "mongodb+srv"):
            return MongoSource(url)
        return SqlSource(url)
    except ModuleNotFoundError as error:
        is_in_extra = error.name in ("pymysql", "redis", "pymongo")
        remedy = "run `pip install 'manent[import-rasa]'`" if is_in_extra else "install the SQLAlchemy driver"
        raise StoreError(
            "import_source", f"this source requires the module {error.name}, which is not installed; {remedy}"
        ) from error


_rows = sa.table("events", sa.column("id"), sa.column("sender_id"), sa.column("data"))


class SqlSource:
    """The `events` table of a `SQLTrackerStore`, in any database that SQLAlchemy can read."""

    def __init__(self, url: str) -> None:
        self._engine = _read_only_engine(url)

    async def senders(self) -> list[str]:
        """Return the ids of the conversations."""
        rows = await asyncio.to_thread(self._fetch, sa.select(self._exact_id()).select_from(_rows).distinct())
        return sorted(each.decode() if isinstance(each, bytes) else each for (each,) in rows)

    async def pages(self, sender_id: str) -> AsyncIterator[list[Row]]:
        """Yield the events in the order of their row ids."""
        last = None
        while True:
            query = sa.select(_rows.c.id, _rows.c.data).where(_rows.c.sender_id == sender_id)
            if self._ignores_case:
                query = query.where(self._exact_id() == sender_id.encode())
            if last is not None:
                query = query.where(_rows.c.id > last)
            page = await asyncio.to_thread(self._fetch, query.order_by(_rows.c.id).limit(ROWS_AT_ONCE))
            if not page:
                return
            yield [Row(row.id, row.data) for row in page]
            last = page[-1].id

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    @property
    def _ignores_case(self) -> bool:
        """Whether the database may regard `Ada`, `ada` and `ada ` as equal."""
        return self._engine.dialect.name in ("mysql", "mariadb")

    def _exact_id(self) -> sa.ColumnElement[Any]:
        """Return the id of a row's conversation, as bytes if the database would compare strings inexactly."""
        if not self._ignores_case:
            return _rows.c.sender_id
        return sa.cast(sa.func.convert(sa.text("sender_id USING utf8mb4")), sa.LargeBinary)

    def _fetch(self, query: sa.Select[Any]) -> list[Any]:
        try:
            with closing(self._engine.connect()) as connection:
                return list(connection.execute(query).all())
        except sa.exc.SQLAlchemyError as error:
            raise StoreError("import_source", f"cannot read the Rasa database: {error}") from error


def _read_only_engine(url: str) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() == "sqlite":
            path = Path(parsed.database or "")
            if not path.is_file():
                raise StoreError("import_source", f"{path} does not exist")
            source = f"sqlite:///file:{path.absolute()}?mode=ro&uri=true"
            return sa.create_engine(source, poolclass=sa.NullPool)
        if parsed.drivername in ("mysql", "mariadb"):
            parsed = parsed.set(drivername=f"{parsed.drivername}+pymysql")
        return sa.create_engine(parsed, execution_options={"postgresql_readonly": True})
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError) as error:
        raise StoreError("import_source", f"invalid URL of the Rasa database: {error}") from error


class RedisSource:
    """The keys `tracker:<sender id>` of a `RedisTrackerStore`. Each value is a dialogue with all its events.

    Args:
        url: `redis://user:password@host:port/db`. With `?key_prefix=shop`, the keys are `shop:tracker:<sender id>`.
    """

    def __init__(self, url: str) -> None:
        import redis

        parts = urlsplit(url)
        prefix = parse_qs(parts.query).get("key_prefix", [""])[0]
        self._prefix = f"{prefix}:tracker:" if prefix else "tracker:"
        self._failure = redis.RedisError
        try:
            self._client = redis.Redis.from_url(urlunsplit(parts._replace(query="")))
        except (ValueError, redis.RedisError) as error:
            raise StoreError("import_source", f"invalid URL of Redis: {error}") from error

    async def senders(self) -> list[str]:
        """Return the ids of the conversations."""

        def read() -> list[str]:
            found = self._client.scan_iter(match=f"{_escaped(self._prefix)}*", count=ROWS_AT_ONCE)
            return sorted(key.decode(errors="replace").removeprefix(self._prefix) for key in found)

        return await self._read(read)

    async def pages(self, sender_id: str) -> AsyncIterator[list[Row]]:
        """Yield the events of the stored dialogue."""
        stored = await self._read(lambda: self._client.get(f"{self._prefix}{sender_id}"))
        for page in _pages(_events_of(stored, sender_id)):
            yield page

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    async def _read(self, function: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(function)
        except self._failure as error:
            raise StoreError("import_source", f"cannot read Redis: {error}") from error


def _escaped(prefix: str) -> str:
    return "".join(f"\\{sign}" if sign in "*?[]\\" else sign for sign in prefix)


def _events_of(stored: Any, sender_id: str) -> list[Any]:
    try:
        dialogue = msgspec.json.decode(stored or b"{}", type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise StoreError("import_source", f"the value of {sender_id} in Redis is not a dialogue: {error}") from error
    return list(dialogue.get("events") or ())


class MongoSource:
    """The documents of `MongoTrackerStore`. Each document has a `sender_id` and its `events`.

    Args:
        url: `mongodb://user:password@host:port/database`. `?collection=…` selects a collection other than
            `conversations`.
    """

    def __init__(self, url: str) -> None:
        import pymongo
        import pymongo.errors

        parts = urlsplit(url)
        options = parse_qs(parts.query)
        collection = options.pop("collection", ["conversations"])[0]
        query = "&".join(f"{name}={value}" for name, values in options.items() for value in values)
        self._failure = pymongo.errors.PyMongoError
        try:
            self._client: Any = pymongo.MongoClient(urlunsplit(parts._replace(query=query)))
            database = self._client.get_default_database(default="rasa")
        except (ValueError, pymongo.errors.PyMongoError) as error:
            raise StoreError("import_source", f"invalid URL of MongoDB: {error}") from error
        self._documents = database[collection]

    async def senders(self) -> list[str]:
        """Return the ids of the conversations."""
        return await self._read(lambda: sorted(self._documents.distinct("sender_id")))

    async def pages(self, sender_id: str) -> AsyncIterator[list[Row]]:
        """Yield the events of the document."""
        found: Json | None = await self._read(lambda: self._documents.find_one({"sender_id": sender_id}, {"events": 1}))
        for page in _pages(list((found or {}).get("events") or ())):
            yield page

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    async def _read(self, function: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(function)
        except self._failure as error:
            raise StoreError("import_source", f"cannot read MongoDB: {error}") from error


def _pages(events: list[Any]) -> Iterator[list[Row]]:
    rows = iter([Row(number, event) for number, event in enumerate(events, start=1)])
    while page := list(islice(rows, ROWS_AT_ONCE)):
        yield page
