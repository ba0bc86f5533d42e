"""Stand-ins for `rasa.core.channels.rest`."""

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from sanic import Blueprint, response
from sanic.request import Request
from sanic.response import HTTPResponse, ResponseStream

from manent.core.errors import ManentError
from manent.core.events import Json
from manent.rasa_names.core.channels.channel import (
    CollectingOutputChannel,
    InputChannel,
    OnNewMessage,
    QueueOutputChannel,
    UserMessage,
    is_streaming,
)

logger = logging.getLogger("manent.rasa_channel")

_DONE = "DONE"


class RestInput(InputChannel):
    """A channel over HTTP whose methods subclasses can override."""

    @classmethod
    def name(cls) -> str:
        """Return `rest`."""
        return "rest"

    async def _extract_sender(self, req: Request) -> str | None:
        return (req.json or {}).get("sender")

    def _extract_message(self, req: Request) -> str | None:
        return (req.json or {}).get("message")

    def _extract_input_channel(self, req: Request) -> str:
        return (req.json or {}).get("input_channel") or self.name()

    def get_metadata(self, request: Request) -> Json | None:
        """Return `metadata` from the body."""
        return (request.json or {}).get("metadata")

    @staticmethod
    async def on_message_wrapper(
        on_new_message: OnNewMessage,
        text: str,
        queue: "asyncio.Queue[Any]",
        sender_id: str,
        input_channel: str,
        metadata: Json | None,
    ) -> None:
        """Handle a message and add its replies to a queue, followed by the text `DONE`."""
        collector = QueueOutputChannel(queue)
        message = UserMessage(text, collector, sender_id, input_channel=input_channel, metadata=metadata)
        try:
            await on_new_message(message)
        finally:
            await queue.put(_DONE)

    def stream_response(
        self, on_new_message: OnNewMessage, text: str, sender_id: str, input_channel: str, metadata: Json | None
    ) -> Callable[[Any], Coroutine[Any, Any, None]]:
        """Return a function that writes each reply to the response as soon as the bot sends it."""

        async def stream(resp: Any) -> None:
            queue: asyncio.Queue[Any] = asyncio.Queue()
            task = asyncio.ensure_future(
                self.on_message_wrapper(on_new_message, text, queue, sender_id, input_channel, metadata)
            )
            while (reply := await queue.get()) != _DONE:
                await resp.write(json.dumps(reply) + "\n")
            await task

        return stream

    def blueprint(self, on_new_message: OnNewMessage) -> Blueprint:
        """Return the channel's routes."""
        routes = Blueprint(f"custom_webhook_{type(self).__name__}")

        @routes.route("/", methods=["GET"])  # type: ignore[untyped-decorator]
        async def health(_: Request) -> HTTPResponse:
            return response.json({"status": "ok"})

        @routes.route("/webhook", methods=["POST"])  # type: ignore[untyped-decorator]
        async def receive(request: Request) -> HTTPResponse | ResponseStream:
            sender_id = await self._extract_sender(request)
            text = self._extract_message(request)
            input_channel = self._extract_input_channel(request)
            metadata = self.get_metadata(request)
            if is_streaming(request):
                stream = self.stream_response(on_new_message, text or "", sender_id or "", input_channel, metadata)
                return ResponseStream(stream, content_type="text/event-stream")
            collector = CollectingOutputChannel()
            message = UserMessage(text, collector, sender_id, input_channel=input_channel, metadata=metadata)
            try:
                await on_new_message(message)
            except ManentError as error:
                logger.warning("a message could not be processed", extra={"code": error.code, "error": error.message})
                return response.json({"error": error.code, "message": error.message}, status=error.status)
            return response.json(collector.messages)

        return routes
