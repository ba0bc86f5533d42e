"""A client for an HTTP server that `endpoints.yml` names.

An endpoint reads its section, owns the connections, and sends requests. An endpoint creates its client session at the
first request. All conversations share the session. `remote.py` and `nlg.py` use this module and interpret the response
bodies.
"""

import asyncio
import base64
import importlib
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from manent import __version__
from manent.core.errors import ActionError, Problem, ProjectError
from manent.core.events import Json
from manent.runtime.spans import trace_headers

if TYPE_CHECKING:
    import aiohttp

    from manent.actions.connections import Connections

DEFAULT_TIMEOUT_S = 300.0
"""Default time limit, the same as in Rasa."""

CONNECT_TIMEOUT_S = 10.0
"""Seconds after which a host that accepts no connection is considered unreachable."""

RETRY_FOR_S = 3.0
"""Seconds for which an unsent request is retried. Visitors then do not notice a restart of the action server."""

FIRST_PAUSE_S = 0.05
MAX_PAUSE_S = 0.5
"""Pauses between these attempts. Each pause is twice as long as the previous one."""

CLOSED_WITHIN_S = 0.1
"""A server that closes a used connection within this time did so while the request was on its way, and did not read it.

A later close means that the server has begun the action.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointConfig:
    """Address and credentials of a server.

    Attributes:
        section: name of the section in `endpoints.yml`. The name without `_endpoint` is the prefix of error codes.
        url: address to which requests are sent.
        params: parameters for the query of the URL, including the token (`token_name=token`).
        headers: headers of each request, including the header for basic authentication.
        cafile: file with certificate authorities to trust instead of the system's.
        timeout_s: time limit for a complete answer, in seconds above 0.
    """

    section: str
    url: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    cafile: str | None = None
    timeout_s: float = DEFAULT_TIMEOUT_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP response: its status and its complete body."""

    status: int
    body: bytes


def read_endpoint(section: str, options: Json) -> EndpointConfig:
    """Read one section of `endpoints.yml`.

    Args:
        section: name of the section, for example `action_endpoint`.
        options: content of the section, including `url`.

    Raises:
        ProjectError: an option has the wrong type, or the URL does not start with http:// or https://.
    """
    problems: list[Problem] = []

    def refuse(key: str, expected: str) -> None:
        problems.append(endpoint_problem(f"{section}.{key}", options.get(key), expected))

    url = options.get("url")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        refuse("url", "a URL that starts with http:// or https://")
    params, headers = options.get("params") or {}, options.get("headers") or {}
    if not isinstance(params, dict):
        refuse("params", "a mapping of names to values")
        params = {}
    if not isinstance(headers, dict):
        refuse("headers", "a mapping of names to values")
        headers = {}
    auth = options.get("basic_auth") or {}
    if not isinstance(auth, dict) or (auth and not auth.get("username")):
        refuse("basic_auth", "a mapping with `username` and `password`")
        auth = {}
    timeout_s = options.get("timeout", DEFAULT_TIMEOUT_S)
    if not isinstance(timeout_s, int | float) or isinstance(timeout_s, bool) or timeout_s <= 0:
        refuse("timeout", "a number of seconds greater than 0")
        timeout_s = DEFAULT_TIMEOUT_S
    cafile = options.get("cafile")
    if cafile is not None and not is_certificate_file(cafile):
        refuse("cafile", "a file with certificates in PEM format that this server can read")
    if problems:
        raise ProjectError(problems)
    token = options.get("token")
    if token:
        params = params | {options.get("token_name") or "token": token}
    if auth:
        credentials = f"{auth['username']}:{auth.get('password') or ''}".encode()
        headers = headers | {"Authorization": f"Basic {base64.b64encode(credentials).decode()}"}
    return EndpointConfig(
        section=section,
        url=str(url),
        params={str(name): str(value) for name, value in params.items()},
        headers={str(name): str(value) for name, value in headers.items()},
        cafile=cafile,
        timeout_s=float(timeout_s),
    )


def is_certificate_file(path: object) -> bool:
    """Return whether a path is a file from which certificate authorities can be read."""
    try:
        ssl.create_default_context(cafile=path)  # type: ignore[arg-type]  # a wrong type raises TypeError
    except (OSError, TypeError, ValueError):
        return False
    return True


def endpoint_problem(path: str, found: object, expected: str, *, suggestion: str = "") -> Problem:
    """Return a problem in `endpoints.yml`, without a line number."""
    shown = "nothing" if found is None else repr(found)
    return Problem(
        file="endpoints.yml",
        line=0,
        path=path,
        code="endpoint.invalid",
        found=shown,
        expected=expected,
        suggestion=suggestion,
    )


@dataclass(slots=True)
class _Attempt:
    """One attempt to send a request.

    Attributes:
        is_reused: whether its connection was used before.
        began_at: start of the attempt by the monotonic clock, in seconds.
    """

    is_reused: bool = False
    began_at: float = field(default_factory=time.monotonic)


class Endpoint:
    """A client that POSTs JSON to one server through a connection pool."""

    def __init__(self, config: EndpointConfig) -> None:
        self.config = config
        self._prefix = config.section.removesuffix("_endpoint")
        self._connections: Connections | None = None
        self._opening = asyncio.Lock()

    async def post(self, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """POST a JSON body and return the complete response, with any status.

        If the connection was refused, or was closed before the request was written, the request is sent again for up to
        `RETRY_FOR_S` seconds. If the server closed a reused connection at the same moment as the request was sent (see
        `CLOSED_WITHIN_S`), the request is sent once more. All other requests are sent only once.

        Raises:
            ActionError: `…_unreachable`, `…_timeout`, or `…_garbage` (the response is not HTTP or is incomplete).
        """
        import aiohttp

        connections = self._connections or await self._open()
        config = self.config
        try:
            return await self._send(connections, body, headers)
        except aiohttp.ConnectionTimeoutError as error:
            raise self._error("unreachable", f"did not accept a connection within {CONNECT_TIMEOUT_S:g} s") from error
        except TimeoutError as error:
            raise self._error("timeout", f"did not answer within {config.timeout_s:g} s") from error
        except (aiohttp.ClientPayloadError, aiohttp.ClientResponseError) as error:
            raise self._error("garbage", f"closed the connection or did not send HTTP: {error}") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self._error("unreachable", f"could not be reached: {error or type(error).__name__}") from error

    async def _send(self, connections: "Connections", body: bytes, headers: Mapping[str, str] | None) -> Answer:
        import aiohttp

        give_up_at = time.monotonic() + RETRY_FOR_S
        pause_s, is_repeated = FIRST_PAUSE_S, False
        while True:
            attempt = _Attempt()
            try:
                async with connections.session() as session:
                    return await self._exchange(session, body, headers, attempt)
            except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
                if _is_unsent(error):
                    if time.monotonic() + pause_s > give_up_at:
                        raise
                    await asyncio.sleep(pause_s)
                    pause_s = min(2 * pause_s, MAX_PAUSE_S)
                elif is_repeated or not attempt.is_reused or time.monotonic() - attempt.began_at > CLOSED_WITHIN_S:
                    raise
                else:
                    is_repeated = True

    async def _exchange(
        self, session: "aiohttp.ClientSession", body: bytes, headers: Mapping[str, str] | None, attempt: _Attempt
    ) -> Answer:
        request = session.post(
            self.config.url,
            params=self.config.params,
            data=body,
            headers={**(headers or {}), **trace_headers.get()},
            trace_request_ctx=attempt,
        )
        async with request as response:
            return Answer(status=response.status, body=await response.read())

    async def close(self) -> None:
        """Close all connections. A later `post` opens new connections."""
        if self._connections is not None:
            await self._connections.close()

    def _error(self, kind: str, what: str) -> ActionError:
        return ActionError(f"{self._prefix}_{kind}", f"the server of {self.config.section} ({self.config.url}) {what}")

    async def _open(self) -> "Connections":
        # A server without custom actions never imports aiohttp.
        module = await asyncio.to_thread(importlib.import_module, "manent.actions.connections")
        async with self._opening:
            if self._connections is None:
                headers = {"User-Agent": f"manent/{__version__}", "Content-Type": "application/json"}
                self._connections = module.Connections(
                    headers=headers | dict(self.config.headers),
                    cafile=self.config.cafile,
                    timeout_s=self.config.timeout_s,
                    connect_timeout_s=CONNECT_TIMEOUT_S,
                )
            return self._connections


def _is_unsent(error: Exception) -> bool:
    """Return whether an attempt failed before the request was completely written. No server can have processed it."""
    import aiohttp

    # this error includes refused connections and names without an address
    if isinstance(error, aiohttp.ClientConnectorError):
        return not isinstance(error, aiohttp.ClientSSLError)
    return isinstance(error.__cause__ or error, aiohttp.ClientConnectionResetError)
