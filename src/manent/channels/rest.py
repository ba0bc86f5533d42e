"""The REST channel: a message in the body, the bot's replies in the answer (contract §7.2)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from manent.core.errors import RequestError
from manent.core.events import BotUttered, Json
from manent.core.log import LogEntry
from manent.core.messages import UserMessage
from manent.runtime.conversations import Conversations
from manent.runtime.identity import checked_id
from manent.runtime.sessions import checked_message_id, checked_metadata, checked_text

_encode = msgspec.json.Encoder(enc_hook=str).encode


def replies_of(recipient_id: str, event: BotUttered) -> list[Json]:
    """Return a bot event as Rasa's REST channel shows it: one object per piece.

    Buttons keep the whole text and all their keys; quick replies appear as buttons; elements become texts.
    """
    data = event.data
    buttons = data.get("quick_replies") or data.get("buttons")
    pieces: list[Json] = []
    if buttons:
        pieces.append({**({"text": event.text} if event.text else {}), "buttons": list(buttons)})
    elif event.text:
        pieces += [{"text": part} for part in event.text.strip().split("\n\n")]
    if custom := data.get("custom"):
        pieces.append({"custom": custom})
    if image := data.get("image"):
        pieces.append({"image": image})
    if (attachment := data.get("attachment")) and attachment != image:
        pieces.append({"attachment": attachment})
    for element in data.get("elements") or ():
        if isinstance(element, dict):
            text = f"{element.get('title', '')} : {element.get('subtitle', '')}"
            pieces.append({"text": text, "buttons": element.get("buttons") or []})
    return [{"recipient_id": recipient_id, **piece} for piece in pieces]


class RestChannel:
    """`POST /webhooks/rest/webhook`, and its health."""

    name = "rest"

    def __init__(self, conversations: Conversations) -> None:
        self.conversations = conversations

    def routes(self) -> list[Route]:
        """Return the channel's routes."""
        return [
            Route("/webhooks/rest/webhook", self.receive, methods=["POST"]),
            *health_routes(self.name),
        ]

    async def receive(self, request: Request) -> Response:
        """Take a message, answer with what the bot said to it."""
        message = read_message(await request.body(), self.conversations, input_channel=self.name)
        ticket = self.conversations.get(message.sender_id).submit(message)
        if request.query_params.get("stream", "").lower() in ("true", "1"):
            await ticket.accepted
            stream = self._stream(message.sender_id, ticket.finished)
            return StreamingResponse(stream, media_type="text/event-stream")
        await ticket.accepted
        entries = await ticket.finished
        return Response(_encode(_replies(message.sender_id, entries)), media_type="application/json")

    async def _stream(self, sender_id: str, finished: asyncio.Future[list[LogEntry]]) -> AsyncIterator[bytes]:
        for reply in _replies(sender_id, await finished):
            yield _encode(reply) + b"\n"


def _replies(sender_id: str, entries: list[LogEntry]) -> list[Json]:
    return [
        reply
        for entry in entries
        if isinstance(entry.event, BotUttered)
        for reply in replies_of(sender_id, entry.event)
    ]


def read_message(body: bytes, conversations: Conversations, *, input_channel: str) -> UserMessage:
    """Read the body that the REST and callback channels take.

    Raises:
        RequestError: it is no JSON object, or a key is of the wrong type.
    """
    wire = json_object(body)
    text = wire.get("message")
    if not isinstance(text, str):
        raise RequestError("bad_request", 'the body needs a "message", a string')
    sender = wire.get("sender")
    sender_id = checked_id("default" if sender is None else str(sender) if isinstance(sender, int) else sender)
    channel = wire.get("input_channel") or input_channel
    if not isinstance(channel, str):
        raise RequestError("bad_request", "input_channel must be a string")
    return UserMessage(
        sender_id=sender_id,
        text=checked_text(text, conversations.limits.text),
        message_id=checked_message_id(wire.get("message_id")),
        input_channel=channel,
        output_channel="collector" if input_channel == RestChannel.name else input_channel,
        metadata=checked_metadata(wire.get("metadata")),
    )


def json_object(body: bytes) -> Json:
    """Read a body that must be a JSON object.

    Raises:
        RequestError: `bad_request`.
    """
    try:
        wire: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise RequestError("bad_request", f"the body is not JSON: {error}") from error
    if not isinstance(wire, dict):
        raise RequestError("bad_request", "the body must be a JSON object")
    return wire


def health_routes(channel: str) -> list[Route]:
    """Return `GET /webhooks/<channel>/`, which every channel has, with or without the last slash."""

    async def health(_: Request) -> Response:
        return Response(b'{"status":"ok"}', media_type="application/json")

    return [Route(f"/webhooks/{channel}/", health), Route(f"/webhooks/{channel}", health)]
