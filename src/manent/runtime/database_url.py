"""Reads the options that select a SQL database. The options are the same as for Rasa's `type: SQL`.

Stores and event brokers use them.
"""

from typing import Any
from urllib.parse import quote, urlencode, urlunsplit

import msgspec

from manent.core.events import Json
from manent.extensions.options import Secret

DATABASE = "rasa.db"
"""Rasa's default for the option `db` of an SQL tracker store."""

POSTGRESQL = ("postgresql", "postgres")


class SqlOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of a SQL database.

    Attributes:
        dialect: `sqlite` or `postgresql`, with or without the name of a driver.
        url: a host, or a complete URL.
        port: port of the host.
        db: name of the database, or a SQLite file.
        username: database user.
        password: its password.
        login_db: accepted and ignored, because the connection starts in `db`.
        query: further connection parameters.
    """

    dialect: str | None = None
    url: str | None = None
    port: int | str | None = None
    db: str | None = None
    username: str | None = None
    password: Secret | None = None
    login_db: str | None = None
    query: dict[str, Any] | None = None


def postgresql_dsn(settings: Json) -> str | None:
    """Return the libpq URL of the PostgreSQL database that a section of `endpoints.yml` selects.

    None for another database.

    The keys are Rasa's: `type: SQL` and `dialect: postgresql` with `url` (a host), `port`, `db`, `username`, `password`
    and `query`; or a complete URL as `url`. A driver in the URL (`postgresql+psycopg2`) is ignored.
    """
    if kind_of(settings) != "sql":
        return None
    url = str(settings.get("url") or "")
    scheme, separator, rest = url.partition("://")
    if separator:
        return f"postgresql://{rest}" if scheme.partition("+")[0] in POSTGRESQL else None
    if str(settings.get("dialect") or "").partition("+")[0].lower() not in POSTGRESQL:
        return None
    account = ":".join(quote(str(settings[key]), safe="") for key in ("username", "password") if settings.get(key))
    port = f":{settings['port']}" if settings.get("port") else ""
    place = f"{account}{'@' if account else ''}{url or 'localhost'}{port}"
    database = quote(str(settings.get("db") or DATABASE), safe="")
    return urlunsplit(("postgresql", place, database, urlencode(settings.get("query") or {}), ""))


def kind_of(settings: Json) -> str:
    """Return the normalized `type` of a section. "": none."""
    return str(settings.get("type") or settings.get("store_type") or "").lower().replace("_", "")
