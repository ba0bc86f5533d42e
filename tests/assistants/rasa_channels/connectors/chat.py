"""Collects the replies and answers with them; options from credentials.yml; metadata from a header."""

import inspect
import logging
from asyncio import CancelledError
from typing import Any, Awaitable, Callable, Dict, Optional, Text

from rasa.core.channels.channel import CollectingOutputChannel, InputChannel, UserMessage
from sanic import Blueprint, response
from sanic.request import Request
from sanic.response import HTTPResponse

logger = logging.getLogger(__name__)


class ChatInput(InputChannel):
    @classmethod
    def name(cls) -> Text:
        return "chat"

    @classmethod
    def from_credentials(cls, credentials: Optional[Dict[Text, Any]]) -> InputChannel:
        if not credentials:
            cls.raise_missing_credentials_exception()
        return cls(credentials.get("token"))

    def __init__(self, token: Text) -> None:
        self.token = token

    def get_metadata(self, request: Request) -> Dict[Text, Any]:
        return {"agent": request.headers.get("x-agent")}

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        chat_webhook = Blueprint("chat_webhook_{}".format(type(self).__name__), inspect.getmodule(self).__name__)

        @chat_webhook.route("/", methods=["GET"])
        async def health(request: Request) -> HTTPResponse:
            return response.json({"status": "ok"})

        @chat_webhook.route("/webhook", methods=["POST"])
        async def receive(request: Request) -> HTTPResponse:
            if request.headers.get("x-token") != self.token:
                return response.json({"error": "wrong token"}, status=403)
            collector = CollectingOutputChannel()
            try:
                await on_new_message(
                    UserMessage(
                        request.json["text"],
                        collector,
                        request.json["user"],
                        input_channel=self.name(),
                        message_id=request.json.get("id"),
                        metadata=self.get_metadata(request),
                    )
                )
            except CancelledError:
                logger.warning("timeout")
            except Exception:
                logger.exception("failed")
                return response.json({"error": "failed"}, status=500)
            return response.json(collector.messages)

        return chat_webhook
