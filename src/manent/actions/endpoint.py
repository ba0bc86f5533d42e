"""A client for an HTTP server that `endpoints.yml` names.

It reads the section, owns the connections, and sends requests. An endpoint creates its client session at the first
request. All conversations share the session. `remote.py` and `nlg.py` use this module. They interpret the bodies of
responses; this module must not.
"""

import asyncio
import base64
import importlib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from manent import __version__
from manent.core.errors import ActionError, Problem, ProjectError
from manent.core.events import Json

if TYPE_CHECKING:
    import aiohttp

DEFAULT_TIMEOUT_S = 300.0
"""Default time limit, the same as in Rasa."""

CONNECT_TIMEOUT_S = 10.0
"""A host that does not accept a connection within this time counts as unreachable."""

KEEP_ALIVE_S = 60.0
"""Time for which idle connections are kept.

Old SDK servers close them after 5 s. Usually the client notices this before its next request. If the server closes the
connection at the moment of a request, `Endpoint.post` sends the request again.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointConfig:
    """Address and credentials of a server.

    Attributes:
        section: name of the section in `endpoints.yml`. Without `_endpoint`, it is the prefix of error codes.
        url: address to which requests are sent.
        params: parameters for the query of the URL, including the token (`token_name=token`).
        headers: headers of each request, including that of basic authentication.
        cafile: file with certificate authorities to trust instead of the system's.
        timeout_s: time limit for a complete answer, in (0, inf).
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
        section: its name, for example `action_endpoint`.
        options: its content, with `url`.

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
        cafile=options.get("cafile"),
        timeout_s=float(timeout_s),
    )


def endpoint_problem(path: str, found: object, expected: str, *, suggestion: str = "") -> Problem:
    """Describe a mistake in `endpoints.yml`. Its line number is not known here."""
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


class Endpoint:
    """A client that POSTs JSON to one server through a connection pool."""

    def __init__(self, config: EndpointConfig) -> None:
        self.config = config
        self._prefix = config.section.removesuffix("_endpoint")
        self._session: aiohttp.ClientSession | None = None
        self._opening = asyncio.Lock()

    async def post(self, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """POST a JSON body and return the complete response, with any status.

        A request is sent a second time only if it was sent on a reused connection, and the server closed this
        connection before any byte of the response. In this case the server closed an idle connection at that moment and
        did not process the request.

        Raises:
            ActionError: `…_unreachable`, `…_timeout`, or `…_garbage` (the response is not HTTP or is incomplete).
        """
        import aiohttp

        session = self._session or await self._open()
        config = self.config
        sent = SimpleNamespace(reused=False)
        try:
            try:
                return await self._exchange(session, body, headers, sent)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                if not sent.reused:
                    raise
                return await self._exchange(session, body, headers, SimpleNamespace())
        except aiohttp.ConnectionTimeoutError as error:
            raise self._error("unreachable", f"did not accept a connection within {CONNECT_TIMEOUT_S:g} s") from error
        except TimeoutError as error:
            raise self._error("timeout", f"did not answer within {config.timeout_s:g} s") from error
        except (aiohttp.ClientPayloadError, aiohttp.ClientResponseError) as error:
            raise self._error("garbage", f"closed the connection or did not send HTTP: {error}") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self._error("unreachable", f"could not be reached: {error or type(error).__name__}") from error

    async def _exchange(
        self,
        session: "aiohttp.ClientSession",
        body: bytes,
        headers: Mapping[str, str] | None,
        sent: SimpleNamespace,
    ) -> Answer:
        request = session.post(
            self.config.url, params=self.config.params, data=body, headers=headers, trace_request_ctx=sent
        )
        async with request as response:
            return Answer(status=response.status, body=await response.read())

    async def close(self) -> None:
        """Close all connections. A later `post` opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _error(self, kind: str, what: str) -> ActionError:
        return ActionError(f"{self._prefix}_{kind}", f"the server of {self.config.section} ({self.config.url}) {what}")

    async def _open(self) -> "aiohttp.ClientSession":
        # Importing aiohttp takes 0.2 s. A server without custom actions never imports it.
        await asyncio.to_thread(importlib.import_module, "aiohttp")
        async with self._opening:
            if self._session is None:
                self._session = _make_session(self.config)
            return self._session


def _make_session(config: EndpointConfig) -> "aiohttp.ClientSession":
    import aiohttp

    async def note_reuse(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: Any) -> None:
        sent = context.trace_request_ctx
        if sent is not None:
            sent.reused = True

    trace = aiohttp.TraceConfig()
    trace.on_connection_reuseconn.append(note_reuse)
    context = ssl.create_default_context(cafile=config.cafile) if config.cafile else True
    return aiohttp.ClientSession(
        # There is no limit, because a slow action of one conversation must not delay the actions of others.
        connector=aiohttp.TCPConnector(limit=0, ssl=context, keepalive_timeout=KEEP_ALIVE_S),
        headers={"User-Agent": f"manent/{__version__}", "Content-Type": "application/json"} | dict(config.headers),
        timeout=aiohttp.ClientTimeout(total=config.timeout_s, sock_connect=CONNECT_TIMEOUT_S),
        # Conversations share the session and must not share cookies, so cookies are ignored.
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=[trace],
    )
