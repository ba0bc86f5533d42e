"""The REST channel: a message in the body, the bot's replies in the answer (contract §7.2)."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from manent.core.conversation_log import LogEntry
from manent.core.errors import RequestError
from manent.core.events import BotUttered, Json
from manent.runtime.conversation.conversation import Conversation
from manent.runtime.conversation.feed import Committed, News
from manent.runtime.conversation.registry import Conversations
from manent.runtime.conversation.ticket import Ticket
from manent.runtime.identity.admission import Caller, Identity
from manent.runtime.json_depth import is_too_deep
from manent.runtime.rate_limits import address_of
from manent.runtime.user_messages import user_message

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


def replies_in(sender_id: str, entries: Sequence[LogEntry]) -> list[Json]:
    """Return what the bot said in these entries as Rasa's REST channel shows it."""
    return [
        reply
        for entry in entries
        if isinstance(entry.event, BotUttered)
        for reply in replies_of(sender_id, entry.event)
    ]


class RestChannel:
    """`POST /webhooks/rest/webhook`, and its health."""

    name = "rest"

    def __init__(self, conversations: Conversations, identity: Identity) -> None:
        self.conversations = conversations
        self.identity = identity

    def routes(self) -> list[Route]:
        """Return the channel's routes."""
        return [
            Route("/webhooks/rest/webhook", self.receive, methods=["POST"]),
            *health_routes(self.name),
        ]

    async def receive(self, request: Request) -> Response:
        """Take a message, answer with what the bot said to it."""
        body = await request.body()
        ticket = await take_message(body, self.conversations, self.identity, input_channel=self.name, request=request)
        sender_id = ticket.message.sender_id
        if request.query_params.get("stream", "").lower() in ("true", "1"):
            await ticket.accepted
            stream = _Stream(self.conversations, self.conversations.get(sender_id), ticket)
            return StreamingResponse(stream.lines(), media_type="text/event-stream")
        await ticket.accepted
        entries = await ticket.finished
        if ticket.error is not None:
            raise ticket.error
        return Response(_encode(replies_in(sender_id, entries)), media_type="application/json")


class _Stream:
    """The replies of one message, each sent as soon as it is committed. Follows the conversation for as long."""

    def __init__(self, conversations: Conversations, conversation: Conversation, ticket: Ticket) -> None:
        self.conversations = conversations
        self.conversation = conversation
        self.ticket = ticket
        self._news = asyncio.Event()
        ticket.finished.add_done_callback(lambda _: self._news.set())

    async def lines(self) -> AsyncIterator[bytes]:
        ticket, sent = self.ticket, 0
        self.conversation.subscribers.append(self)
        try:
            while True:
                self._news.clear()
                entries = ticket.entries[sent:]
                sent += len(entries)
                for reply in replies_in(self.conversation.sender_id, entries):
                    yield json.dumps(reply, default=str).encode() + b"\n"  # its spaces are Rasa's, byte for byte
                if ticket.finished.done() and sent == len(ticket.entries):
                    return
                await self._news.wait()
        finally:
            self.conversation.subscribers.remove(self)
            self.conversations.release(self.conversation)

    def notify(self, news: News) -> None:
        if isinstance(news, Committed):
            self._news.set()


def bearer(request: Request) -> str | None:
    """Return the token of the `Authorization: Bearer` header, None when there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


async def caller_of(request: Request, identity: Identity) -> Caller:
    """Find out who makes a request.

    Raises:
        RequestError: see `Identity.authenticate`.
    """
    return await identity.authenticate(bearer(request), address_of(request.client.host if request.client else None))


async def take_message(
    body: bytes, conversations: Conversations, identity: Identity, *, input_channel: str, request: Request
) -> Ticket:
    """Submit the body that the REST and callback channels take; the token is in the request's `Authorization` header.

    Raises:
        RequestError: it is no JSON object, a key is of the wrong type, the sender may not use that conversation, or
            whatever `Conversation.submit` refuses.
    """
    wire = json_object(body)
    text = wire.get("message")
    if not isinstance(text, str):
        raise RequestError("bad_request", 'the body needs a "message", a string')
    caller = await caller_of(request, identity)
    sender = wire.get("sender")
    if sender is None and caller.subject is None:
        sender = "default"
    sender = str(sender) if isinstance(sender, int) else sender
    channel = wire.get("input_channel") or input_channel
    if not isinstance(channel, str):
        raise RequestError("bad_request", "input_channel must be a string")
    admission = await identity.admit(sender, wire.get("session_token"), caller)
    conversations.rates.speak(caller.address, caller.subject or admission.sender_id)
    message = user_message(
        admission.sender_id,
        text,
        limits=conversations.engine.limits,
        message_id=wire.get("message_id"),
        input_channel=channel,
        output_channel="collector" if input_channel == RestChannel.name else input_channel,
        metadata=wire.get("metadata") if input_channel == RestChannel.name else None,
    )
    confirm = partial(identity.confirm, admission, beginner=caller)
    return conversations.get(admission.sender_id).submit(message, confirm=confirm)


def json_object(body: bytes) -> Json:
    """Read a body that must be a JSON object.

    Raises:
        RequestError: `bad_request`.
    """
    if is_too_deep(body):
        raise RequestError("bad_request", "the body is nested too deeply")
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
