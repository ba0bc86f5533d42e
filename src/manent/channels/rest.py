"""The REST channel. The request contains a message, and the answer contains the bot's replies."""

import asyncio
import json
from collections.abc import AsyncIterator

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from manent.channels.replies import replies_in
from manent.channels.webhook import submit_message, webhook_routes
from manent.runtime.conversation.conversation import Conversation
from manent.runtime.conversation.feed import Committed, News
from manent.runtime.conversation.registry import Conversations
from manent.runtime.conversation.ticket import Ticket
from manent.runtime.identity.admission import Identity

OUTPUT_CHANNEL = "collector"
"""Rasa's name of the output channel of REST. Responses for one channel name it."""

_encode = msgspec.json.Encoder(enc_hook=str).encode


class RestChannel:
    """Serves `POST /webhooks/rest/webhook` and its health."""

    name = "rest"

    def __init__(self, conversations: Conversations, identity: Identity) -> None:
        self.conversations = conversations
        self.identity = identity

    def routes(self) -> list[Route]:
        """Return the channel's routes."""
        return webhook_routes(self.name, self.receive)

    async def receive(self, request: Request) -> Response:
        """Submit a message and answer with the bot's replies.

        With `?stream=true`, send each reply when it is committed.
        """
        ticket = await submit_message(
            request,
            self.conversations,
            self.identity,
            channel=self.name,
            output_channel=OUTPUT_CHANNEL,
            has_metadata=True,
        )
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
    """Sends each reply to one message as soon as the reply is committed. It is a `Subscriber` until the turn ends."""

    def __init__(self, conversations: Conversations, conversation: Conversation, ticket: Ticket) -> None:
        self.conversations = conversations
        self.conversation = conversation
        self.ticket = ticket
        self._changed = asyncio.Event()
        ticket.finished.add_done_callback(lambda _: self._changed.set())

    async def lines(self) -> AsyncIterator[bytes]:
        ticket, sent = self.ticket, 0
        self.conversation.subscribers.append(self)
        try:
            while True:
                self._changed.clear()
                entries = ticket.entries[sent:]
                sent += len(entries)
                for reply in replies_in(self.conversation.sender_id, entries):
                    yield json.dumps(reply, default=str).encode() + b"\n"  # the same bytes as in Rasa, including spaces
                if ticket.finished.done() and sent == len(ticket.entries):
                    return
                await self._changed.wait()
        finally:
            self.conversation.subscribers.remove(self)
            self.conversations.release(self.conversation)

    def notify(self, news: News) -> None:
        if isinstance(news, Committed):
            self._changed.set()
