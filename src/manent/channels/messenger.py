"""Options, routes, signature checks and the type of received messages for all channels of messenger platforms.

A channel verifies a request, converts it to `Incoming` messages, stores them with `accept`, and then confirms the
request. To send the bot's messages, `Sender` calls the channel.
"""

import hashlib
import hmac
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from manent.channels.inbox import Inbox
from manent.core.errors import RequestError
from manent.core.events import Json
from manent.extensions.options import WrongOption

log = logging.getLogger("manent.channels")

_PERMANENT = (400, 413)
"""Status codes of errors that a second delivery of the message would cause again."""

ATTACHMENT = "/attachment"
CONTACT = "/contact"
REACTION = "/reaction"
"""Texts of messages that contain only an attachment, a contact or a reaction. A project can declare them as intents."""

MAX_ATTACHMENTS = 20


class MessengerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options that all channels of messenger platforms have.

    Attributes:
        shared_with: other channels that may use the conversations of this channel, for example `[rest]`. Default: none.
    """

    shared_with: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A message from a platform; see `Inbox.receive` for the attributes."""

    address: str
    text: str
    message_id: str
    title: str | None = None
    metadata: Json = field(default_factory=dict)
    reference: Json = field(default_factory=dict)


@dataclass(slots=True)
class WebhookCounts:
    """Numbers of requests and messages that a channel did not accept.

    Attributes:
        unverified: requests without a valid signature of the platform.
        ignored: messages that the channel does not support or that can never be processed.
    """

    unverified: int = 0
    ignored: int = 0


def webhook_routes(
    channel: str,
    receive: Callable[[Request], Awaitable[Response]],
    challenge: Callable[[Request], Awaitable[Response]] | None = None,
) -> list[Route]:
    """Return the route for `POST /webhooks/<channel>/webhook` and, if `challenge` is given, the route for `GET`."""
    path = f"/webhooks/{channel}/webhook"
    routes = [Route(path, receive, methods=["POST"])]
    if challenge is not None:
        routes.append(Route(path, challenge, methods=["GET"]))
    return routes


async def accept(inbox: Inbox, messages: Sequence[Incoming], counts: WebhookCounts) -> None:
    """Store the messages of a verified request.

    A message that can never be processed is only logged and counted, because the platform would deliver it again after
    an error.

    Raises:
        RequestError: the platform must deliver the request again later.
        StoreError: the platform must deliver the request again later.
    """
    for message in messages:
        try:
            await inbox.receive(
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
            ignore(inbox.channel, error.message, counts)


def ignore(channel: str, what: str, counts: WebhookCounts) -> None:
    """Log and count a message that the channel does not accept."""
    counts.ignored += 1
    log.info("ignored an update", extra={"channel": channel, "reason": what})


def refuse(channel: str, why: str, counts: WebhookCounts, *, status: int = 403) -> NoReturn:
    """Reject a request that the platform did not sign. `why` is logged but not sent to the client.

    Raises:
        RequestError: `unverified`.
    """
    counts.unverified += 1
    log.info("rejected an unverified request", extra={"channel": channel, "reason": why})
    raise RequestError("unverified", "this request could not be verified", status=status)


def is_signature(given: str, secret: str, body: bytes, *, algorithm: str = "sha256") -> bool:
    """Return whether `given` is the HMAC of a body in hexadecimal digits, in constant time."""
    expected = hmac.new(secret.encode(), body, getattr(hashlib, algorithm)).hexdigest()
    return is_same(given.lower(), expected)


def is_same(given: str, expected: str) -> bool:
    """Return whether two secrets are equal, in constant time."""
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())


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


def check_url(option: str, value: str) -> None:
    """Check the URL of an HTTP server.

    Raises:
        WrongOption: the value does not start with http:// or https://.
    """
    if not value.startswith(("http://", "https://")):
        raise WrongOption(option, "a URL that starts with http:// or https://")
