"""The callback channel.

It receives a message in a request and sends the bot's replies, one by one, to a server of the project. The request is
answered with `success` when that server has accepted every reply, and with status 500 if it could not be reached.
Replies to reminders and to triggers from the API are sent in the same way (`send`).
"""

import asyncio
import base64
import importlib
import logging
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from manent.channels.replies import replies_in
from manent.channels.webhook import submit_message, webhook_routes
from manent.core.conversation_log import LogEntry
from manent.core.errors import Problem, ProjectError, RequestError
from manent.core.events import Json
from manent.runtime.conversation.registry import Conversations
from manent.runtime.identity.admission import Identity

if TYPE_CHECKING:
    import aiohttp

log = logging.getLogger("manent.callback")

TIMEOUT_S = 30.0
"""Time limit for the server to accept one reply."""

_encode = msgspec.json.Encoder(enc_hook=str).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackOptions:
    """The `callback:` section of `credentials.yml`. Its keys are those of a section of `endpoints.yml`."""

    url: str
    headers: dict[str, Any] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)
    basic_auth: dict[str, Any] = field(default_factory=dict)
    token: str | None = None
    token_name: str = "token"  # noqa: S105  # not a secret: the name of a query parameter, as in Rasa
    cafile: str | None = None


def read_options(section: Json, file: str = "credentials.yml") -> CallbackOptions:
    """Read the section. Ignore unknown keys, as Rasa does.

    Raises:
        ProjectError: `url` is missing or a value has the wrong type.
    """
    known = {key: value for key, value in section.items() if key in CallbackOptions.__slots__ and value is not None}
    try:
        options = msgspec.convert(known, CallbackOptions)
        if not options.url.startswith(("http://", "https://")):
            raise msgspec.ValidationError(f"url {options.url!r} - at `$.url`")  # noqa: TRY301  # reported like the other errors
    except msgspec.ValidationError as error:
        problem = Problem(
            file=file,
            line=0,
            path="callback",
            code="credentials.callback",
            found=str(error),
            expected="`url:` of the server that receives the bot's messages, starting with http:// or https://",
        )
        raise ProjectError([problem]) from error
    return options


class CallbackChannel:
    """Serves `POST /webhooks/callback/webhook` and its health, and sends messages as an `Output`."""

    name = "callback"

    def __init__(self, options: CallbackOptions, conversations: Conversations, identity: Identity) -> None:
        self.options = options
        self.conversations = conversations
        self.identity = identity
        self._session: aiohttp.ClientSession | None = None
        self._opening = asyncio.Lock()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def routes(self) -> list[Route]:
        """Return the channel's routes."""
        return webhook_routes(self.name, self.receive)

    async def receive(self, request: Request) -> Response:
        """Submit a message, send the replies to the project's server, and answer `success`."""
        ticket = await submit_message(
            request,
            self.conversations,
            self.identity,
            channel=self.name,
            output_channel=self.name,
            has_metadata=False,
        )
        await ticket.accepted
        entries = await ticket.finished
        if ticket.error is not None:
            raise ticket.error
        await self.send(ticket.message.sender_id, entries)
        return PlainTextResponse("success")

    async def send(self, sender_id: str, entries: Sequence[LogEntry]) -> None:
        """Send the bot messages in these entries, in order for each conversation.

        Raises:
            RequestError: `callback_failed` (status 500): a reply could not be delivered. The replies stay in the log.
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

        session = self._session or await self._open()
        try:
            async with session.post(self.options.url, params=self._params(), data=_encode(reply)) as answer:
                await answer.read()
                if answer.status >= 400:  # noqa: PLR2004  # every status of an HTTP error
                    raise _failed(f"answered {answer.status}")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _failed(f"could not be reached: {error or type(error).__name__}") from error

    def _params(self) -> dict[str, str]:
        params = {name: str(value) for name, value in self.options.params.items()}
        if self.options.token:
            params[self.options.token_name] = self.options.token
        return params

    async def _open(self) -> "aiohttp.ClientSession":
        await asyncio.to_thread(
            importlib.import_module, "aiohttp"
        )  # the import takes 0.2 s and would block the event loop
        import aiohttp

        async with self._opening:
            if self._session is None:
                options = self.options
                context = ssl.create_default_context(cafile=options.cafile) if options.cafile else True
                self._session = aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=0, ssl=context),
                    headers=_headers(options),
                    timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
                    cookie_jar=aiohttp.DummyCookieJar(),
                )
            return self._session

    async def close(self) -> None:
        """Close all connections."""
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
