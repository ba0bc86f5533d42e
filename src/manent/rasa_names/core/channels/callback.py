"""Stand-ins for `rasa.core.channels.callback`."""

import logging
from typing import Any

from sanic import Blueprint, response
from sanic.request import Request
from sanic.response import HTTPResponse

from manent.core.events import Json
from manent.rasa_names.core.channels.channel import (
    CollectingOutputChannel,
    InputChannel,
    OnNewMessage,
    OutputChannel,
    UserMessage,
)
from manent.rasa_names.core.channels.rest import RestInput
from manent.rasa_names.utils.endpoints import ClientResponseError, EndpointConfig

logger = logging.getLogger("manent.rasa_channel")


class CallbackOutput(CollectingOutputChannel):
    """POSTs each message to an endpoint."""

    @classmethod
    def name(cls) -> str:
        """Return `callback`."""
        return "callback"

    def __init__(self, endpoint: EndpointConfig) -> None:
        super().__init__()
        self.callback_endpoint = endpoint

    async def _persist_message(self, message: Json) -> None:
        await super()._persist_message(message)
        try:
            await self.callback_endpoint.request("post", content_type="application/json", json=message)
        except ClientResponseError as error:
            logger.error("the endpoint refused a message with the status %s", error.status)  # noqa: TRY400


class CallbackInput(RestInput):
    """A REST channel whose replies are POSTed to an endpoint."""

    @classmethod
    def name(cls) -> str:
        """Return `callback`."""
        return "callback"

    @classmethod
    def from_credentials(cls, credentials: Json | None) -> InputChannel:
        """Create the channel with its endpoint."""
        return cls(EndpointConfig.from_dict(credentials or {}))

    def __init__(self, endpoint: EndpointConfig) -> None:
        self.callback_endpoint = endpoint

    def blueprint(self, on_new_message: OnNewMessage) -> Blueprint:
        """Return the channel's routes."""
        routes = Blueprint(f"callback_webhook_{type(self).__name__}", __name__)

        @routes.route("/", methods=["GET"])  # type: ignore[untyped-decorator]
        async def health(_: Request) -> HTTPResponse:
            return response.json({"status": "ok"})

        @routes.route("/webhook", methods=["POST"])  # type: ignore[untyped-decorator]
        async def webhook(request: Request) -> HTTPResponse:
            message = UserMessage(
                self._extract_message(request),
                self.get_output_channel(),
                await self._extract_sender(request),
                input_channel=self._extract_input_channel(request),
                metadata=self.get_metadata(request),
            )
            await on_new_message(message)
            return response.text("success")

        return routes

    def get_output_channel(self) -> OutputChannel:
        """Return the output channel for the endpoint."""
        return CallbackOutput(self.callback_endpoint)


__all__: list[Any] = ["CallbackInput", "CallbackOutput"]
