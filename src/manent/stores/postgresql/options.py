"""The options of a PostgreSQL store: how many connections, and how long to wait for the database and the network."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresqlOptions:
    """Options of one server process. All times are in seconds.

    Attributes:
        pool_size: maximum number of connections, without the one for notifications.
        connect_timeout: how long to wait for a new connection.
        statement_timeout: how long a statement may take before PostgreSQL cancels it. Schema upgrades, erasures and
            the deletion of outdated conversations may take longer.
        network_timeout: how long the network may be silent before a connection is closed.
        pgbouncer: whether a pooler such as PgBouncer in transaction mode is between the server and PostgreSQL. None:
            detected.
    """

    pool_size: int = 10
    connect_timeout: float = 5.0
    statement_timeout: float = 10.0
    network_timeout: float = 5.0
    pgbouncer: bool | None = None


DEFAULTS = PostgresqlOptions()
