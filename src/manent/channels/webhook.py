"""The common parts of HTTP webhook channels: routes, authentication of the caller, and submission of the message.

`server/edge/security.py` has already limited the size of the body. `server/api/errors.py` turns a `RequestError` that
is raised here into a JSON response with its status.
"""

from collections.abc import Awaitable, Callable
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from manent.core.errors import RequestError
from manent.runtime.conversation.registry import Conversations
from manent.runtime.conversation.ticket import Ticket
from manent.runtime.identity.admission import Caller, Identity
from manent.runtime.json_input import read_json_object
from manent.runtime.rate_limits import address_of
from manent.runtime.user_messages import user_message

DEFAULT_SENDER = "default"
"""Id of the conversation for messages without a sender, as in Rasa."""


def webhook_routes(channel: str, receive: Callable[[Request], Awaitable[Response]]) -> list[Route]:
    """Return the routes of a channel: `POST /webhooks/<channel>/webhook`, and its health route."""
    return [Route(f"/webhooks/{channel}/webhook", receive, methods=["POST"]), *health_routes(channel)]


def health_routes(channel: str) -> list[Route]:
    """Return the routes of `GET /webhooks/<channel>/`, with and without the trailing slash."""

    async def health(_: Request) -> Response:
        return Response(b'{"status":"ok"}', media_type="application/json")

    return [Route(f"/webhooks/{channel}/", health), Route(f"/webhooks/{channel}", health)]


def bearer_token(request: Request) -> str | None:
    """Return the token of the `Authorization: Bearer` header. Return None without a header of this scheme."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


async def caller_of(request: Request, identity: Identity) -> Caller:
    """Authenticate the sender of a request.

    Raises:
        RequestError: `not_authenticated`, or an error of the token.
    """
    address = address_of(request.client.host if request.client else None)
    return await identity.authenticate(bearer_token(request), address)


async def submit_message(
    request: Request,
    conversations: Conversations,
    identity: Identity,
    *,
    channel: str,
    output_channel: str,
    has_metadata: bool,
) -> Ticket:
    """Submit the message in a request's body: `message`, and optionally `sender`, `input_channel`, `message_id`.

    Args:
        request: the request. A JSON web token is in its `Authorization` header, a session token in its body.
        conversations: the registry that receives the message.
        identity: the identity mode of the channel.
        channel: the input channel, unless the body names another one.
        output_channel: the channel for which responses are selected.
        has_metadata: whether the `metadata` of the body is read. Rasa's callback channel ignores it.

    Raises:
        RequestError: the body is not a JSON object, a key has the wrong type, the sender may not use the conversation,
            or `Conversation.submit` refuses the message.
    """
    body = read_json_object(await request.body())
    text = body.get("message")
    if not isinstance(text, str):
        raise RequestError("bad_request", 'the body must contain "message", a string')
    caller = await caller_of(request, identity)
    sender = body.get("sender")
    if sender is None and caller.subject is None:
        sender = DEFAULT_SENDER
    sender = str(sender) if isinstance(sender, int) else sender
    input_channel = body.get("input_channel") or channel
    if not isinstance(input_channel, str):
        raise RequestError("bad_request", "input_channel must be a string")
    admission = await identity.admit(sender, body.get("session_token"), caller)
    conversations.rates.speak(caller.address, caller.subject or admission.sender_id)
    message = user_message(
        admission.sender_id,
        text,
        limits=conversations.engine.limits,
        message_id=body.get("message_id"),
        input_channel=input_channel,
        output_channel=output_channel,
        metadata=body.get("metadata") if has_metadata else None,
    )
    confirm = partial(identity.confirm, admission, beginner=caller)
    return conversations.get(admission.sender_id).submit(message, confirm=confirm)
