"""The callback channel.

Each request contains a visitor's message. The channel sends the bot's replies, one by one, to the project's server at
`url`. When that server has accepted every reply, the channel responds with `success`. If a reply cannot be delivered,
it responds with status 500. It sends the bot's messages for reminders and API triggers in the same way (`send`).
"""

import asyncio
import base64
import importlib
import logging
import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute

from manent.channels.identity_options import ModeOptions
from manent.channels.inbox import Inbox
from manent.channels.replies import replies_in
from manent.channels.webhook import take_message, webhook_route
from manent.core.conversation_log import LogEntry
from manent.core.errors import RequestError
from manent.core.events import Json
from manent.extensions.options import Secret, WrongOption

if TYPE_CHECKING:
    import aiohttp

log = logging.getLogger("manent.callback")

TIMEOUT_S = 30.0
"""Time limit for the server to accept one reply."""

_encode = msgspec.json.Encoder(enc_hook=str).encode


class CallbackOptions(ModeOptions, frozen=True, kw_only=True):
    """The `callback:` section of `credentials.yml`. Its keys are those of an endpoint in `endpoints.yml`.

    Attributes:
        url: URL of the server that receives the bot's messages.
        headers: HTTP headers of each request.
        params: query parameters of each request.
        basic_auth: `username` and `password` for HTTP basic authentication.
        token: token that is sent as a query parameter.
        token_name: name of the query parameter that contains `token`.
        cafile: file with the certificates of the trusted certificate authorities.
    """

    url: str
    headers: dict[str, Any] = msgspec.field(default_factory=dict)
    params: dict[str, Any] = msgspec.field(default_factory=dict)
    basic_auth: dict[str, Any] = msgspec.field(default_factory=dict)
    token: Secret | None = None
    token_name: str = "token"  # noqa: S105  # the name of a query parameter, Rasa's default
    cafile: str | None = None

    def __post_init__(self) -> None:
        """Check the URL.

        Raises:
            WrongOption: the URL does not start with http:// or https://.
        """
        if not self.url.startswith(("http://", "https://")):
            raise WrongOption("url", "a URL that starts with http:// or https://")


class CallbackChannel:
    """Serves `POST /webhooks/callback/webhook`. Implements both `Channel` and `Output`."""

    name = "callback"
    options = CallbackOptions

    def __init__(self, options: CallbackOptions) -> None:
        self.output = self
        self._options = options
        self._inbox: Inbox
        self._session: aiohttp.ClientSession | None = None
        self._opening = asyncio.Lock()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def routes(self, inbox: Inbox) -> list[BaseRoute]:
        """See `Channel.routes`."""
        self._inbox = inbox
        return [webhook_route(self.name, self._receive)]

    async def open(self) -> None:
        """Do nothing, because the first reply opens the connections."""

    async def _receive(self, request: Request) -> Response:
        """Submit a message, send the replies to the server, and respond with `success`."""
        ticket = await take_message(request, self._inbox, has_metadata=False)
        await ticket.accepted
        entries = await ticket.finished
        if ticket.error is not None:
            raise ticket.error
        await self.send(ticket.message.sender_id, entries)
        return PlainTextResponse("success")

    async def send(self, sender_id: str, entries: Sequence[LogEntry]) -> None:
        """Send the bot messages in these entries. Those of one conversation are sent in order.

        Raises:
            RequestError: `callback_failed` (status 500) if a reply could not be delivered. The replies stay in the log.
        """
        replies = replies_in(sender_id, entries)
        if not replies:
            return
        turn = self._turns.setdefault(sender_id, asyncio.Lock())
        async with turn:
            for reply in replies:
                await self._post(reply)

    async def _post(self, reply: Json) -> None:
        import aiohttp

        session = self._session or await self._open_session()
        try:
            async with session.post(self._options.url, params=self._params(), data=_encode(reply)) as answer:
                await answer.read()
                if answer.status >= 400:  # noqa: PLR2004  # HTTP errors have status 400 or higher
                    raise _failed(f"answered {answer.status}")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _failed(f"could not be reached: {error or type(error).__name__}") from error

    def _params(self) -> dict[str, str]:
        params = {name: str(value) for name, value in self._options.params.items()}
        if self._options.token:
            params[self._options.token_name] = self._options.token
        return params

    async def _open_session(self) -> "aiohttp.ClientSession":
        await asyncio.to_thread(
            importlib.import_module, "aiohttp"
        )  # the import takes 0.2 s and would block the event loop
        import aiohttp

        async with self._opening:
            if self._session is None:
                options = self._options
                context = ssl.create_default_context(cafile=options.cafile) if options.cafile else True
                self._session = aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=0, ssl=context),
                    headers=_headers(options),
                    timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
                    cookie_jar=aiohttp.DummyCookieJar(),
                )
            return self._session

    async def close(self) -> None:
        """See `Channel.close`."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


def _headers(options: CallbackOptions) -> dict[str, str]:
    headers = {"Content-Type": "application/json"}
    if user := options.basic_auth.get("username"):
        pair = f"{user}:{options.basic_auth.get('password') or ''}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return headers | {name: str(value) for name, value in options.headers.items()}


def _failed(what: str) -> RequestError:
    return RequestError("callback_failed", f"the server of callback: in credentials.yml {what}", status=500)
