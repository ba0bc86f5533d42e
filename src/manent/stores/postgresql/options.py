"""The options of a PostgreSQL store: number of connections, and timeouts for the database and the network."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresqlOptions:
    """Options of one server process. All times are in seconds.

    Attributes:
        pool_size: maximum number of connections, excluding the connection for notifications.
        connect_timeout: maximum time to wait for a new connection.
        statement_timeout: time after which PostgreSQL cancels a statement. Schema upgrades, erases and purges have a
            longer limit.
        network_timeout: time without a network response after which a connection is closed.
        pgbouncer: whether a pooler such as PgBouncer in transaction mode is between the server and PostgreSQL. None:
            detected.
    """

    pool_size: int = 10
    connect_timeout: float = 5.0
    statement_timeout: float = 10.0
    network_timeout: float = 5.0
    pgbouncer: bool | None = None


DEFAULTS = PostgresqlOptions()
