"""Keeps HTTP connections to one server open between requests, and replaces them from time to time.

Without replacement, a busy connection would stay open forever. All requests would then go to the same server, even
after its name has new or additional addresses. `endpoint.py` imports this module at its first request, because
importing aiohttp takes 0.2 s.
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
"""Seconds for which idle connections are kept.

Old SDK servers close them after 5 s, which aiohttp usually detects immediately.
"""

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
            generation = self._current = _Generation(self._open())
        generation.requests += 1
        try:
            await self._close_unused()
            yield generation.session
        finally:
            generation.requests -= 1
            await self._close_unused()

    async def close(self) -> None:
        """Close all connections. A later request opens new connections."""
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
            # The number of connections has no limit, because a slow action must not delay the actions of other
            # conversations.
            connector=aiohttp.TCPConnector(
                limit=0, ssl=self._ssl, keepalive_timeout=KEEP_ALIVE_S, resolver=_ShuffledAddresses()
            ),
            headers=self._headers,
            timeout=self._timeout,
            # The session ignores cookies, because conversations share it but must not share cookies.
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[trace],
        )


class _Generation:
    """A session, with the time when it was opened and the number of requests that use it."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session
        self.opened_at = time.monotonic()
        self.requests = 0


class _ShuffledAddresses(aiohttp.ThreadedResolver):
    """Resolves names and shuffles their addresses, because the system may always return the same address first."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host."""
        found = await super().resolve(host, port, family)
        random.shuffle(found)
        return found


async def _note_reuse(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
    """Record in the attempt that its connection was already used."""
    if context.trace_request_ctx is not None:
        context.trace_request_ctx.is_reused = True
