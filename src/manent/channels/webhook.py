"""Routes of webhook channels, and reading of a message from a request's body.

`server/edge/security.py` has already limited the size of the body. `server/api/errors.py` turns a `RequestError` that
is raised here into a JSON response with its status.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from manent.channels.inbox import Inbox
from manent.core.errors import RequestError
from manent.runtime.conversation.ticket import Ticket
from manent.runtime.json_input import read_json_object

DEFAULT_SENDER = "default"
"""Conversation id for messages without a sender, as in Rasa."""


def webhook_route(channel: str, receive: Callable[[Request], Awaitable[Response]]) -> Route:
    """Return the route `POST /webhooks/<channel>/webhook`."""
    return Route(f"/webhooks/{channel}/webhook", receive, methods=["POST"])


def health_routes(channel: str) -> list[Route]:
    """Return the routes of `GET /webhooks/<channel>/`, with and without the trailing slash."""

    async def health(_: Request) -> Response:
        return Response(b'{"status":"ok"}', media_type="application/json")

    return [Route(f"/webhooks/{channel}/", health), Route(f"/webhooks/{channel}", health)]


async def take_message(request: Request, inbox: Inbox, *, output_channel: str | None = None, is_rest: bool) -> Ticket:
    """Submit the message in a request's body.

    The body has `message`, and optionally `sender`, `input_channel`, `message_id`.

    Args:
        request: the request. A JSON web token is in its `Authorization` header, a session token in its body.
        inbox: the channel's inbox.
        output_channel: see `Inbox.take`.
        is_rest: whether `input_channel` and `metadata` of the body are read; Rasa's callback channel ignores them.

    Raises:
        RequestError: the body is not a JSON object, a value has the wrong type, or `Inbox.take` rejects the message.
    """
    body = read_json_object(await request.body())
    text = body.get("message")
    if not isinstance(text, str):
        raise RequestError("bad_request", 'the body must contain "message", a string')
    caller = await inbox.caller(request)
    sender: Any = body.get("sender")
    if sender is None and caller.subject is None:
        sender = DEFAULT_SENDER
    input_channel = (is_rest and body.get("input_channel")) or inbox.channel
    if not isinstance(input_channel, str):
        raise RequestError("bad_request", "input_channel must be a string")
    return await inbox.take(
        str(sender) if isinstance(sender, int) else sender,
        text,
        message_id=body.get("message_id"),
        metadata=inbox.metadata_of_client(body.get("metadata")) if is_rest else None,
        caller=caller,
        session_token=body.get("session_token"),
        input_channel=input_channel,
        output_channel=output_channel or inbox.channel,
    )
