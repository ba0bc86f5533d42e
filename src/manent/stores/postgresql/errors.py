"""Maps errors of PostgreSQL, asyncpg and the network to error codes of the store."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

import asyncpg

from manent.core.errors import StoreError

_CODES: Final = {
    "53100": ("store_full", "the database's disk is full"),
    "25006": ("store_readonly", "the database is read-only"),
    "55P03": ("store_locked", "the database is locked"),
    "40P01": ("store_locked", "the database reported a deadlock"),
    "57014": ("store_locked", "the statement timed out"),
    "XX001": ("store_corrupt", "the database is damaged"),
    "XX002": ("store_corrupt", "the database is damaged"),
}
_CLASSES: Final = {
    "08": ("store_unreachable", "the database cannot be reached"),
    "22": ("store_refused", "the database cannot store this value"),
    "28": ("store_unreachable", "the database rejected the login"),
    "3D": ("store_unreachable", "the database does not exist"),
    "53": ("store_unreachable", "the database has no free connection"),
    "57": ("store_unreachable", "the database is starting or stopping"),
    "58": ("store_io", "the database's disk failed"),
}


def place_of(dsn: str) -> str:
    """Return database and host of a DSN, without user and password, for error messages."""
    parts = urlsplit(dsn)
    hosts = parts.netloc.rpartition("@")[2]
    return f"{parts.path.lstrip('/') or 'the default database'} on {hosts or 'localhost'} (tracker_store)"


@contextmanager
def translated(*, where: str | None = None) -> Iterator[None]:
    """Raise a StoreError for errors of asyncpg and the network. `where` names the database in the message."""
    try:
        yield
    except asyncpg.PostgresError as error:
        state = error.sqlstate or ""
        code, message = (
            _CODES.get(state) or _CLASSES.get(state[:2]) or ("store_failed", "the database reported an error")
        )
        raise StoreError(code, _sentence(message, error, where)) from error
    except (UnicodeError, OverflowError, asyncpg.DataError) as error:
        raise StoreError("store_refused", f"the database cannot store this value ({error})") from error
    except TimeoutError as error:
        raise StoreError("store_locked", "the statement timed out") from error
    except (OSError, EOFError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        # InternalClientError: the state of a connection that broke during an exchange is unknown to asyncpg.
        raise StoreError("store_unreachable", _sentence("the database cannot be reached", error, where)) from error


def _sentence(message: str, error: Exception, where: str | None) -> str:
    return f"{message} ({error})" if where is None else f"{message}: {where} ({error})"
