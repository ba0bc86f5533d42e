"""Opens connections to PostgreSQL with timeouts at every level, and detects a pooler such as PgBouncer.

Three timeouts detect a dead network. The kernel closes a connection if its bytes or keepalive probes are not
acknowledged (`network_timeout`). PostgreSQL cancels a statement that takes too long (`statement_timeout`). If the
cancellation does not arrive either, asyncpg raises an error `GRACE_S` later, and the connection is closed.
"""

import socket
from functools import cache
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from manent.stores.postgresql.options import PostgresqlOptions

GRACE_S: Final = 1.0
"""Seconds that asyncpg waits for a statement after PostgreSQL's timeout for it."""

UPGRADE_TIMEOUT_S: Final = 600.0
"""Maximum seconds for a schema upgrade and other work on many rows."""

IDLE_IN_TRANSACTION_S: Final = 30
"""Seconds after which PostgreSQL ends an idle transaction, for example of a server that crashed."""

CLOSE_TIMEOUT_S: Final = 2.0

_PROBES: Final = 3

_CLIENT_OPTIONS: Final = (
    "connect_timeout",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
)

Connection = Any  # asyncpg ships no types


def _limit_silence(transport: Any, seconds: float) -> None:
    """Make the kernel close a TCP connection when the peer stops responding. Unix sockets are not changed."""
    found = transport.get_extra_info("socket")
    if found is None or found.family not in (socket.AF_INET, socket.AF_INET6):
        return
    interval = max(1, int(seconds / _PROBES))
    with found.dup() as sock:  # uvloop's socket object has no `setsockopt`, but its duplicate has
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (
            ("TCP_KEEPIDLE", interval),
            ("TCP_KEEPINTVL", interval),
            ("TCP_KEEPCNT", _PROBES),
            ("TCP_USER_TIMEOUT", int(seconds * 1000)),
        ):
            if hasattr(socket, name):  # macOS and Windows lack some of these options
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


@cache
def _connection_class(network_timeout: float) -> type[Any]:
    """Return a connection class whose connections are closed by the kernel when the peer stops responding.

    asyncpg has no option for socket settings, but it passes the transport to its connection class.
    """

    class LimitedConnection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg ships no types
        __slots__ = ()

        def __init__(self, protocol: Any, transport: Any, *others: Any) -> None:
            super().__init__(protocol, transport, *others)
            _limit_silence(transport, network_timeout)

    return LimitedConnection


async def connect(
    dsn: str,
    options: PostgresqlOptions,
    *,
    command_timeout: float | None = None,
    settings: dict[str, str] | None = None,
    prepare: bool = True,
) -> Connection:
    """Open a connection.

    Args:
        dsn: the database.
        options: of the store.
        command_timeout: how long asyncpg waits for a statement. None means `statement_timeout` plus `GRACE_S`.
        settings: PostgreSQL's settings for the session. Poolers reject most settings.
        prepare: whether asyncpg can keep prepared statements in the session.

    Raises:
        OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError: the connection failed.
    """
    return await asyncpg.connect(
        _without_client_options(dsn),
        timeout=options.connect_timeout,
        command_timeout=options.statement_timeout + GRACE_S if command_timeout is None else command_timeout,
        statement_cache_size=100 if prepare else 0,
        max_cached_statement_lifetime=0,
        server_settings={"application_name": "manent", **(settings or {})},
        connection_class=_connection_class(options.network_timeout),
    )


def _without_client_options(dsn: str) -> str:
    """Remove libpq's client options, which asyncpg would send to PostgreSQL as settings."""
    parts = urlsplit(dsn)
    kept = [one for one in parts.query.split("&") if one.partition("=")[0] not in _CLIENT_OPTIONS]
    return urlunsplit(parts._replace(query="&".join(kept)))


def session_settings(schema: str, durability: str, options: PostgresqlOptions) -> dict[str, str]:
    """Return PostgreSQL's settings for the store's connections.

    With a pooler, each transaction applies the settings.
    """
    return {
        "search_path": schema,
        "synchronous_commit": "off" if durability == "process" else "on",
        "statement_timeout": str(int(options.statement_timeout * 1000)),
        "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_S * 1000),
    }


async def has_pooler(connection: Connection) -> bool:
    """Return whether a pooler is between this connection and PostgreSQL.

    PostgreSQL's handshake contains the id of the process that serves the connection. A pooler sends another number.
    """
    async with connection.transaction():  # with a pooler, parse and execute must reach the same server process
        pid = await connection.fetchval("SELECT pg_backend_pid()")
    return bool(pid != connection.get_server_pid())
