"""Options, the webhook, signature checks and reading of JSON for all channels of messenger platforms.

A channel inherits `MessengerChannel`. It verifies a request and converts it to `Incoming` messages. `MessengerChannel`
stores them and then confirms the request. `Sender` calls the channel to send the bot's messages.
"""

import hashlib
import hmac
import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NoReturn
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.routing import Route as HttpRoute

from manent.channels.inbox import Inbox
from manent.channels.platform_api import PlatformApi
from manent.core.errors import RequestError
from manent.core.events import BotUttered, Json
from manent.core.postbox import Route
from manent.core.secret_text import is_same
from manent.extensions.options import WrongOption
from manent.runtime.choices import buttons_of
from manent.runtime.ports.channel import NOT_SHOWN
from manent.runtime.visitor_messages import list_in

log = logging.getLogger("manent.channels")

_PERMANENT = (400, 413)
"""Status codes of errors that a second delivery of the message would cause again."""

ATTACHMENT = "/attachment"
CONTACT = "/contact"
REACTION = "/reaction"
SUBMITTED = "/card_submitted"
"""Texts of messages that contain only an attachment, a contact, a reaction or the values of a submitted card. A project
can declare them as intents."""

MAX_ATTACHMENTS = 20
MAX_FORM_FIELDS = 200


class MessengerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options that all channels of messenger platforms have.

    Attributes:
        shared_with: other channels that may use the conversations of this channel, for example `[rest]`. Default: none.
    """

    shared_with: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the addresses: the options named `url` or `…_url`.

        Raises:
            WrongOption: an address does not start with `http://` or `https://`.
        """
        for name in self.__struct_fields__:
            value = getattr(self, name)
            is_address = name == "url" or name.endswith("_url")
            if is_address and value is not None and not value.startswith(("http://", "https://")):
                raise WrongOption(name, "a URL that starts with http:// or https://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A message from a platform; see `Inbox.receive` for the attributes."""

    address: str
    text: str
    message_id: str
    title: str | None = None
    metadata: Json = field(default_factory=dict)
    reference: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """The content of a verified request.

    Attributes:
        messages: the messages that it contains.
        ignored: the kinds of the messages and events in it that the channel does not support.
        answer: the confirmation for the platform. None: an empty answer with the status 200.
    """

    messages: Sequence[Incoming] = ()
    ignored: Sequence[str] = ()
    answer: Response | None = None


@dataclass(slots=True)
class WebhookCounts:
    """Numbers of requests and messages that were not accepted.

    Attributes:
        unverified: requests without a valid signature of the platform.
        ignored: messages that the channel does not support or that can never be processed.
        failed: messages that the platform accepted and then could not deliver.
    """

    unverified: int = 0
    ignored: int = 0
    failed: int = 0


class MessengerChannel(ABC):
    """The webhook of a messenger platform: `POST /webhooks/<name>/webhook`.

    It implements the part of `Channel` and `Messenger` that is the same for all platforms.

    Args:
        proxy: URL of an HTTP proxy for calls of the platform. None: no proxy.

    Attributes:
        counts: numbers of requests and messages that the channel did not accept.
        api: the connections to the platform.
        inbox: where messages go; set by `routes`.
        notes: warnings about the configuration, to be logged at each start.
        shown_buttons: number of buttons of a message that visitors can choose. None: all.
        shown_card_buttons: number of buttons that visitors can choose on a card (one of a message's `elements`). None:
            all.
        shown_custom: types of the values of `custom` that the channel sends.
        shows_media: whether the channel sends images and attachments.
    """

    name: str
    output: ClassVar[None] = None
    notes: Sequence[str] = ()
    shown_buttons: ClassVar[int | None] = None
    shown_card_buttons: ClassVar[int | None] = None
    shown_custom: ClassVar[tuple[type, ...]] = (dict,)
    shows_media: ClassVar[bool] = True

    def __init__(self, *, proxy: str | None = None) -> None:
        self.counts = WebhookCounts()
        self.api = PlatformApi(proxy=proxy)
        self.inbox: Inbox

    @abstractmethod
    async def verify(self, request: Request, body: bytes) -> None:
        """Call `refuse` if the platform has not sent a request."""

    @abstractmethod
    async def read(self, request: Request, body: bytes) -> Update:
        """Return the content of a verified request.

        Raises:
            RequestError: `bad_request`: the body has the wrong form.
        """

    @abstractmethod
    def shown(self, event: BotUttered) -> Sequence[Json]:
        """Return the parts of a bot message that the channel can show; see `Messenger.parts`."""

    def parts(self, event: BotUttered) -> Sequence[Json]:
        """Return the parts that the channel can show, then a note on each thing that it cannot show.

        See `Messenger.parts`.
        """
        return [*self.shown(event), *({NOT_SHOWN: reason} for reason in self._omissions(event))]

    def _omissions(self, event: BotUttered) -> list[str]:
        """Return one reason for each thing in a bot message that `shown` leaves out."""
        data, found = event.data, []
        custom = data.get("custom")
        if custom and not isinstance(custom, self.shown_custom):
            found.append(f"{self.name} cannot send this value of custom: {type(custom).__name__}")
        if not self.shows_media:
            found += [f"{self.name} cannot send {key}" for key in ("image", "attachment") if data.get(key)]
        given = list_in(data, "quick_replies", "buttons")
        buttons = buttons_of(event)
        if untitled := len(given) - len(buttons):
            found.append(f"{untitled} buttons have no title")
        if self.shown_buttons is not None and len(buttons) > self.shown_buttons:
            found.append(f"{len(buttons) - self.shown_buttons} buttons are above the limit of {self.shown_buttons}")
        elements = data.get("elements") or []
        if not isinstance(elements, list):
            return [*found, "elements is not a list"]
        for number, element in enumerate(elements, 1):
            if not isinstance(element, dict):
                found.append(f"element {number} is not an object")
                continue
            limit, count = self.shown_card_buttons, len(items_of(element, "buttons"))
            if limit is not None and count > limit:
                found.append(f"{count - limit} buttons of element {number} are above the limit of {limit}")
        return found

    def routes(self, inbox: Inbox) -> list[BaseRoute]:
        """See `Channel.routes`."""
        self.inbox = inbox
        return [HttpRoute(f"/webhooks/{self.name}/webhook", self._receive, methods=["POST"])]

    async def open(self) -> None:  # noqa: B027  # most platforms need nothing at the start
        """See `Channel.open`. Does nothing."""

    async def close(self) -> None:
        """See `Channel.close`."""
        await self.api.close()

    async def show_typing(self, route: Route) -> None:  # noqa: B027  # some platforms cannot show it
        """See `Messenger.show_typing`. Does nothing."""

    async def _receive(self, request: Request) -> Response:
        body = await request.body()
        await self.verify(request, body)
        update = await self.read(request, body)
        await self.accept(update.messages)
        for what in update.ignored:
            self.ignore(what)
        return update.answer or Response(status_code=200)

    async def accept(self, messages: Sequence[Incoming]) -> int:
        """Store the messages of a verified request. Return how many are stored, now or by an earlier delivery.

        A message that can never be processed is only logged and counted, because the platform would deliver it again
        after an error.

        Raises:
            RequestError: the platform must deliver the request again later.
            StoreError: the platform must deliver the request again later.
        """
        stored = 0
        for message in messages:
            try:
                await self.inbox.receive(
                    message.address,
                    message.text,
                    message_id=message.message_id,
                    title=message.title,
                    metadata=message.metadata,
                    reference=message.reference,
                )
            except RequestError as error:
                if error.status not in _PERMANENT:
                    raise
                self.ignore(error.message)
            else:
                stored += 1
        return stored

    def ignore(self, what: str) -> None:
        """Log and count a message that the channel does not accept."""
        self.counts.ignored += 1
        log.info("ignored an update", extra={"channel": self.name, "reason": what})

    def refuse(self, why: str, *, status: int = 403) -> NoReturn:
        """Reject a request that the platform did not sign. `why` is logged but not sent to the client.

        Raises:
            RequestError: `unverified`.
        """
        self.counts.unverified += 1
        log.info("rejected an unverified request", extra={"channel": self.name, "reason": why})
        raise RequestError("unverified", "this request could not be verified", status=status)


def is_signature(given: str, secret: str, body: bytes, *, algorithm: str = "sha256") -> bool:
    """Return whether `given` is the HMAC of a body in hexadecimal digits, in constant time."""
    expected = hmac.new(secret.encode(), body, getattr(hashlib, algorithm)).hexdigest()
    return is_same(given.lower(), expected)


def read_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a verified request.

    Raises:
        RequestError: `bad_request`.
    """
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError("bad_request", "the body is not JSON") from error
    if not isinstance(found, dict):
        raise RequestError("bad_request", "the body must be a JSON object")
    return found


def part_of(data: Any, *names: str | int) -> Any:
    """Return a nested value of decoded JSON, or None if a part of the path does not exist."""
    for name in names:
        if isinstance(name, str):
            data = data.get(name) if isinstance(data, dict) else None
        else:
            data = data[name] if isinstance(data, list) and -len(data) <= name < len(data) else None
    return data


def items_of(data: Any, *names: str | int) -> list[dict[str, Any]]:
    """Return the objects in a nested list of decoded JSON."""
    found = part_of(data, *names)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def text_of(data: Any, *names: str | int) -> str:
    """Return a nested string or number as a string, or "" if there is none."""
    found = part_of(data, *names)
    if isinstance(found, str):
        return found
    return str(found) if isinstance(found, int | float) and not isinstance(found, bool) else ""


def form_fields(body: bytes) -> list[tuple[str, str]]:
    """Return names and values of the fields of a form.

    Raises:
        RequestError: `bad_request`.
    """
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS)
    except ValueError as error:
        raise RequestError("bad_request", "the body is not a form") from error


def location_text(longitude: Any, latitude: Any) -> str:
    """Return the text of a message that consists of a location, as Rasa's channels write it."""
    return f'{{"lng":{msgspec.json.encode(longitude).decode()}, "lat":{msgspec.json.encode(latitude).decode()}}}'


def card_text(element: Json) -> str:
    """Return title and subtitle of a card (one of a bot message's `elements`), one line each. It is not empty."""
    return "\n".join(filter(None, (text_of(element, "title"), text_of(element, "subtitle")))) or "…"


def url_of(attachment: Any) -> str:
    """Return the URL in a bot message's `attachment`: a text, or an object as Facebook has it. "": it has none."""
    if isinstance(attachment, str):
        return attachment
    return text_of(attachment, "payload", "src") or text_of(attachment, "payload", "url")


def json_text(value: Any) -> str:
    """Return a value of a bot message as JSON, for platforms that have no other way to show it."""
    return msgspec.json.encode(value, enc_hook=str).decode()
