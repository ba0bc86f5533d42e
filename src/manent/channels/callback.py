"""The callback channel, whose replies go to the project's server at `url`, one by one.

A reply is committed to the log first, with `output_channel: callback` in its metadata. Then `Sender` sends it, as for
the messenger channels: in order, and again after an error or a crash. The channel responds with `success` when the
server has accepted every reply. If the first attempt fails, it responds with status 500, as Rasa does, and the reply is
sent again later. Reminders and API triggers send messages in the same way.
"""

import base64
import ssl
from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute

from manent.channels.identity_options import ModeOptions
from manent.channels.inbox import Inbox
from manent.channels.platform_api import PlatformApi
from manent.channels.replies import replies_of
from manent.channels.webhook import take_message, webhook_route
from manent.core.conversation_log import LogEntry
from manent.core.errors import RequestError
from manent.core.events import BotUttered, Json
from manent.core.postbox import Route
from manent.extensions.options import Secret, WrongOption
from manent.runtime.spans import trace_headers
from manent.runtime.visitor_messages import spoken

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
        """Check the URL and the file with certificates.

        Raises:
            WrongOption: the URL does not start with http:// or https://, or the file cannot be read.
        """
        if not self.url.startswith(("http://", "https://")):
            raise WrongOption("url", "a URL that starts with http:// or https://")
        if self.cafile is not None:
            try:
                ssl.create_default_context(cafile=self.cafile)
            except OSError as error:
                expected = "a file with certificates in PEM format that this server can read"
                raise WrongOption("cafile", expected) from error


class CallbackChannel:
    """Serves `POST /webhooks/callback/webhook`. Implements `Channel`, `Output` and `Messenger`."""

    name = "callback"
    options = CallbackOptions
    max_buttons = 1_000

    def __init__(self, options: CallbackOptions) -> None:
        self.output = self
        self._options = options
        self._inbox: Inbox
        self._api = PlatformApi(cafile=options.cafile)

    def routes(self, inbox: Inbox) -> list[BaseRoute]:
        """See `Channel.routes`."""
        self._inbox = inbox
        return [webhook_route(self.name, self._receive)]

    async def open(self) -> None:
        """Do nothing, because the first reply opens the connections."""

    async def _receive(self, request: Request) -> Response:
        """Submit a message and respond with `success` when the replies are delivered."""
        ticket = await take_message(request, self._inbox, is_rest=False)
        await ticket.accepted
        entries = await ticket.finished
        if ticket.error is not None:
            raise ticket.error
        await self.send(ticket.message.sender_id, entries)
        return PlainTextResponse("success")

    async def send(self, sender_id: str, entries: Sequence[LogEntry]) -> None:
        """Wait until the bot messages in these entries are delivered. `Sender` reads them from the log.

        Raises:
            RequestError: `callback_failed` (status 500) if a message could not be delivered at once. It is sent again,
                unless the server rejected it.
        """
        said = [entry.seq for entry in entries if (event := spoken(entry.event)) is not None and self.parts(event)]
        reason = await self._inbox.until_sent(sender_id, said) if said else None
        if reason is not None:
            raise RequestError(
                "callback_failed",
                f"the server of callback: in credentials.yml did not accept a reply: {reason}",
                status=500,
            )

    def parts(self, event: BotUttered) -> Sequence[Json]:
        """Return the messages in the format of Rasa's REST channel, or none if the event is not for this channel.

        See `Messenger.parts`.
        """
        return replies_of("", event) if event.metadata.get("output_channel") == self.name else ()

    async def send_part(self, route: Route, part: Json, key: str) -> None:
        """See `Messenger.send_part`. The server can recognise a repeated reply by the header `Idempotency-Key`."""
        answer = await self._api.call(
            "POST",
            self._options.url,
            body=_encode({**part, "recipient_id": route.address}),
            params=_params(self._options),
            headers={"Idempotency-Key": key, **_headers(self._options), **trace_headers.get()},
            follows_redirects=True,
        )
        answer.check("")

    async def show_typing(self, route: Route) -> None:
        """Do nothing. The server at `url` has no typing indicator."""

    async def check(self) -> str:
        """Return the URL that receives the replies, without a test request."""
        return f"replies are sent to {self._options.url}"

    async def close(self) -> None:
        """See `Channel.close`."""
        await self._api.close()


def _params(options: CallbackOptions) -> dict[str, str]:
    params = {name: str(value) for name, value in options.params.items()}
    if options.token:
        params[options.token_name] = options.token
    return params


def _headers(options: CallbackOptions) -> dict[str, str]:
    headers = {"Content-Type": "application/json"}
    if user := options.basic_auth.get("username"):
        pair = f"{user}:{options.basic_auth.get('password') or ''}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return headers | {name: str(value) for name, value in options.headers.items()}
