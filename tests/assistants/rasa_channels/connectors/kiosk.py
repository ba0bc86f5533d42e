"""An output class of its own, several routes, a background task, and messages that no request waits for."""

import asyncio
from typing import Any, Dict, List, Text

from rasa.core.channels.channel import InputChannel, OutputChannel, UserMessage
from rasa.shared.constants import INTENT_MESSAGE_PREFIX
from rasa.shared.core.constants import USER_INTENT_RESTART
from rasa.shared.utils.io import json_to_string
from rasa.utils.endpoints import EndpointConfig
from sanic import Blueprint, response


class KioskOutput(OutputChannel):
    @classmethod
    def name(cls) -> Text:
        return "kiosk"

    def __init__(self, endpoint: EndpointConfig) -> None:
        self.endpoint = endpoint

    async def send_text_message(self, recipient_id: Text, text: Text, **kwargs: Any) -> None:
        await self.endpoint.request(json={"to": recipient_id, "text": text})

    async def send_text_with_buttons(self, recipient_id: Text, text: Text, buttons: List[Dict], **kwargs: Any) -> None:
        await self.endpoint.request(json={"to": recipient_id, "text": text, "buttons": len(buttons)})

    async def send_custom_json(self, recipient_id: Text, json_message: Dict, **kwargs: Any) -> None:
        await self.endpoint.request(json={"to": recipient_id, "text": json_to_string(json_message)})


class KioskInput(InputChannel):
    @classmethod
    def name(cls) -> Text:
        return "kiosk"

    @classmethod
    def from_credentials(cls, credentials):
        return cls(EndpointConfig.from_dict(credentials))

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.beats = 0

    def get_output_channel(self):
        return KioskOutput(self.endpoint)

    def blueprint(self, on_new_message):
        routes = Blueprint("kiosk_webhook", __name__)

        @routes.listener("after_server_start")
        async def start(app, loop):
            async def beat():
                while True:
                    self.beats += 1
                    await asyncio.sleep(0.01)

            app.add_task(beat())

        @routes.get("/")
        async def health(_):
            return response.json({"status": "ok"})

        @routes.get("/beats")
        async def beats(_):
            return response.json({"beats": self.beats})

        @routes.get("/webhook")
        async def challenge(request):
            return response.text(request.args.get("challenge"))

        @routes.post("/webhook")
        async def receive(request):
            text = request.json["text"]
            if text == "again":
                text = INTENT_MESSAGE_PREFIX + USER_INTENT_RESTART
            message = UserMessage(text, self.get_output_channel(), request.json["user"], input_channel=self.name())
            request.app.add_task(on_new_message(message))
            return response.text("queued", status=202)

        return routes
