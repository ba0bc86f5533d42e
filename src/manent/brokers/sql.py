"""The event broker that writes rows to a SQL database: `type: sql`, on SQLite or PostgreSQL."""

import msgspec

from manent.brokers.sqlite import SqliteBroker
from manent.extensions.finding import Site
from manent.extensions.options import WrongOption
from manent.runtime.database_url import POSTGRESQL, SqlOptions, postgresql_dsn
from manent.runtime.ports.broker import Broker

DATABASE = "events.db"


class SqlBrokerOptions(SqlOptions, frozen=True, kw_only=True):
    """The options of `type: sql`, which are the same as for a tracker store. `db` defaults to `events.db`."""

    def __post_init__(self) -> None:
        """Check the dialect.

        Raises:
            WrongOption: the database is neither SQLite nor PostgreSQL.
        """
        scheme, separator, _ = (self.url or "").partition("://")
        written = scheme if separator else self.dialect
        if written is not None and written.partition("+")[0].lower() not in ("sqlite", *POSTGRESQL):
            raise WrongOption("url" if separator else "dialect", "sqlite or postgresql", found=f'"{written}"')


class SqlBroker:
    """Creates a broker for the database that the options name."""

    options = SqlBrokerOptions

    @classmethod
    def from_options(cls, options: SqlBrokerOptions, site: Site) -> Broker:
        """Return an unconnected broker."""
        section = {"type": "sql", **msgspec.structs.asdict(options), "db": options.db or DATABASE}
        dsn = postgresql_dsn(section)
        if dsn is None:
            _, separator, rest = (options.url or "").partition("://")
            file = rest.partition("?")[0].removeprefix("/") if separator else ""
            return SqliteBroker(site.root / (file or section["db"]))
        from manent.brokers.postgresql import PostgresqlBroker

        return PostgresqlBroker(dsn)
