"""The REST channel. A request contains a visitor's message, and its response contains the bot's replies."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from manent.channels.identity_options import ModeOptions
from manent.channels.inbox import Inbox
from manent.channels.replies import replies_in
from manent.channels.webhook import take_message, webhook_route
from manent.core.conversation_log import LogEntry
from manent.runtime.conversation.ticket import Ticket

OUTPUT_CHANNEL = "collector"
"""Rasa's name for the output channel of REST. Response variations for a channel refer to this name."""

_encode = msgspec.json.Encoder(enc_hook=str).encode


class RestOptions(ModeOptions, frozen=True, kw_only=True):
    """The `rest:` section of `credentials.yml`."""


class RestChannel:
    """`POST /webhooks/rest/webhook`. Implements `Channel`."""

    name = "rest"
    options = RestOptions
    output = None

    def __init__(self, _: RestOptions) -> None:
        self._inbox: Inbox

    def routes(self, inbox: Inbox) -> list[BaseRoute]:
        """See `Channel.routes`."""
        self._inbox = inbox
        return [webhook_route(self.name, self._receive)]

    async def open(self) -> None:
        """See `Channel.open`. Does nothing."""

    async def close(self) -> None:
        """See `Channel.close`. Does nothing."""

    async def _receive(self, request: Request) -> Response:
        """Submit a message and return the bot's replies.

        With `?stream=true`, send each reply as soon as it is committed.
        """
        ticket = await take_message(request, self._inbox, output_channel=OUTPUT_CHANNEL, is_rest=True)
        receipt = await ticket.accepted
        missed = await self._inbox.missed(ticket, receipt)
        if request.query_params.get("stream", "").lower() in ("true", "1"):
            return StreamingResponse(self._lines(ticket, missed), media_type="text/event-stream")
        entries = await ticket.finished
        if ticket.error is not None:
            raise ticket.error
        return Response(
            _encode(replies_in(ticket.message.sender_id, [*missed, *entries])), media_type="application/json"
        )

    async def _lines(self, ticket: Ticket, missed: Sequence[LogEntry]) -> AsyncIterator[bytes]:
        for line in _lines_of(ticket, missed):
            yield line
        async for entries in self._inbox.follow(ticket):
            for line in _lines_of(ticket, entries):
                yield line


def _lines_of(ticket: Ticket, entries: Sequence[LogEntry]) -> Iterator[bytes]:
    for reply in replies_in(ticket.message.sender_id, entries):
        yield json.dumps(reply, default=str).encode() + b"\n"  # the same bytes as Rasa, including spaces
