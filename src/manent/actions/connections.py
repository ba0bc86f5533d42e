"""The HTTP connections to one server: kept open between requests, and replaced by new ones after a while.

A connection that is used all the time would stay open for ever. The server would keep all requests even if its name
has got further addresses since, or another one. `endpoint.py` imports this module at its first request, because the
import of aiohttp takes 0.2 s.
"""

import random
import socket
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import SimpleNamespace

import aiohttp
from aiohttp.abc import ResolveResult

KEEP_ALIVE_S = 20.0
"""How long idle connections are kept. Old SDK servers close them after 5 s; aiohttp usually notices that at once."""

MAX_AGE_S = 30.0
"""Seconds after which requests use new connections, for which the server's name is resolved again."""


class Connections:
    """The connections to one server, in an aiohttp session that is replaced every `MAX_AGE_S`.

    Args:
        headers: of every request.
        cafile: file with certificate authorities to trust instead of the system's.
        timeout_s: time limit for a complete answer.
        connect_timeout_s: time limit for the server to accept a connection.
    """

    def __init__(
        self, *, headers: Mapping[str, str], cafile: str | None, timeout_s: float, connect_timeout_s: float
    ) -> None:
        self._headers = dict(headers)
        self._ssl = ssl.create_default_context(cafile=cafile) if cafile else True
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=connect_timeout_s)
        self._current: _Generation | None = None
        self._retired: set[_Generation] = set()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[aiohttp.ClientSession]:
        """Return the session for one request."""
        generation = self._current
        if generation is None or time.monotonic() - generation.opened_at > MAX_AGE_S:
            if generation is not None:
                self._retired.add(generation)
                await self._close_unused()
            generation = self._current = _Generation(self._open())
        generation.requests += 1
        try:
            yield generation.session
        finally:
            generation.requests -= 1
            await self._close_unused()

    async def close(self) -> None:
        """Close all connections. A later request opens new ones."""
        generations, self._current = [*self._retired, self._current], None
        self._retired.clear()
        for generation in generations:
            if generation is not None:
                await generation.session.close()

    async def _close_unused(self) -> None:
        """Close the old connections after their last requests."""
        for generation in [one for one in self._retired if not one.requests]:
            self._retired.discard(generation)
            await generation.session.close()

    def _open(self) -> aiohttp.ClientSession:
        trace = aiohttp.TraceConfig()
        trace.on_connection_reuseconn.append(_note_reuse)
        return aiohttp.ClientSession(
            # No limit: a slow action of one conversation must not delay the actions of others.
            connector=aiohttp.TCPConnector(
                limit=0, ssl=self._ssl, keepalive_timeout=KEEP_ALIVE_S, resolver=_ShuffledAddresses()
            ),
            headers=self._headers,
            timeout=self._timeout,
            # Ignores cookies: conversations share the session, and must not share cookies.
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[trace],
        )


class _Generation:
    """A session, when it was opened, and how many requests use it."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session
        self.opened_at = time.monotonic()
        self.requests = 0


class _ShuffledAddresses(aiohttp.ThreadedResolver):
    """Resolves names, with their addresses in random order: the system may always return the same one first."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host."""
        found = await super().resolve(host, port, family)
        random.shuffle(found)
        return found


async def _note_reuse(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
    """Note on the request's attempt that it uses a connection that was used before."""
    if context.trace_request_ctx is not None:
        context.trace_request_ctx.is_reused = True
