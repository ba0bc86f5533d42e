"""What PostgreSQL, asyncpg and the network say, as errors of the store. For `postgresql.py` alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

import asyncpg

from manent.core.errors import StoreError

_CODES: Final = {
    "53100": ("store_full", "the database's disk is full"),
    "25006": ("store_readonly", "the database takes no writes"),
    "55P03": ("store_locked", "the database is locked"),
    "40P01": ("store_locked", "the database met a deadlock"),
    "57014": ("store_locked", "the database took too long"),
    "XX001": ("store_corrupt", "the database is damaged"),
    "XX002": ("store_corrupt", "the database is damaged"),
}
_CLASSES: Final = {
    "08": ("store_unreachable", "the database cannot be reached"),
    "22": ("store_refused", "the database cannot keep such a value"),
    "28": ("store_unreachable", "the database does not let us in"),
    "3D": ("store_unreachable", "there is no such database"),
    "53": ("store_unreachable", "the database has no room for a connection"),
    "57": ("store_unreachable", "the database is going down or coming up"),
    "58": ("store_io", "the database's disk failed"),
}


def place_of(dsn: str) -> str:
    """Return which database on which host a DSN names, without user and password, to be told of."""
    parts = urlsplit(dsn)
    hosts = parts.netloc.rpartition("@")[2]
    return f"{parts.path.lstrip('/') or 'the default database'} on {hosts or 'localhost'} (tracker_store)"


@contextmanager
def translated(*, where: str | None = None) -> Iterator[None]:
    """Turn what asyncpg and the network raise into a StoreError; `where`: of which database, if that is not known."""
    try:
        yield
    except asyncpg.PostgresError as error:
        state = error.sqlstate or ""
        code, message = _CODES.get(state) or _CLASSES.get(state[:2]) or ("store_failed", "the database refused")
        raise StoreError(code, _sentence(message, error, where)) from error
    except (UnicodeError, OverflowError, asyncpg.DataError) as error:
        raise StoreError("store_refused", f"the database cannot keep such a value ({error})") from error
    except TimeoutError as error:
        raise StoreError("store_locked", "the database took too long") from error
    except (OSError, asyncpg.InterfaceError) as error:
        raise StoreError("store_unreachable", _sentence("the database cannot be reached", error, where)) from error


def _sentence(message: str, error: Exception, where: str | None) -> str:
    return f"{message} ({error})" if where is None else f"{message}: {where} ({error})"
