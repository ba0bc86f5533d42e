"""Channels in the manner of published ones."""

import hashlib
import hmac
import inspect
import json
import logging
from typing import Any, Awaitable, Callable, Dict, Iterable, List, Optional, Text

import aiohttp
import rasa.core.channels.channel
from rasa.core.channels.callback import CallbackInput, CallbackOutput
from rasa.core.channels.channel import CollectingOutputChannel, InputChannel, OutputChannel, UserMessage
from rasa.core.channels.rest import RestInput
from rasa.core.channels.socketio import SocketIOInput
from rasa.shared.constants import DOCS_URL_CONNECTORS_SLACK, INTENT_MESSAGE_PREFIX
from rasa.shared.core.constants import USER_INTENT_RESTART
from rasa.shared.exceptions import RasaException
from rasa.shared.utils.io import raise_warning
from sanic import Blueprint, response
from sanic.request import Request
from sanic.response import HTTPResponse

logger = logging.getLogger(__name__)
UNUSED = (CallbackOutput, DOCS_URL_CONNECTORS_SLACK, USER_INTENT_RESTART, raise_warning)


class HelpdeskOutput(OutputChannel):
    """Sends replies to the HTTP API of a help desk."""

    @classmethod
    def name(cls) -> Text:
        return "helpdesk"

    def __init__(self, url: Text, account: Text) -> None:
        self.url = f"{url}/accounts/{account}"
        super().__init__()

    async def _post(self, recipient_id: Text, payload: Dict[Text, Any]) -> None:
        url = f"{self.url}/conversations/{recipient_id}/messages"
        async with aiohttp.ClientSession() as session, session.post(url, json=payload) as answer:
            if answer.status != 200:
                raise RasaException(f"the help desk answered {answer.status}")

    async def send_text_message(self, recipient_id: Text, text: Text, **kwargs: Any) -> None:
        for part in text.strip().split("\n\n"):
            await self._post(recipient_id, {"content": part})

    async def send_text_with_buttons(
        self, recipient_id: Text, text: Text, buttons: List[Dict[Text, Any]], **kwargs: Any
    ) -> None:
        items = [{"title": button["title"], "value": button["payload"]} for button in buttons]
        await self._post(recipient_id, {"content": text, "content_type": "input_select", "items": items})

    async def send_image_url(self, recipient_id: Text, image: Text, **kwargs: Any) -> None:
        await self._post(recipient_id, {"image": image})

    async def send_elements(self, recipient_id: Text, elements: Iterable[Dict[Text, Any]], **kwargs: Any) -> None:
        for element in elements:
            await self._post(recipient_id, element)


class HelpdeskInput(InputChannel):
    """Verifies a signature, and answers before the turn ends. `name` is not a class method."""

    def name(self) -> Text:
        return "helpdesk"

    @classmethod
    def from_credentials(cls, credentials: Optional[Dict[Text, Any]]) -> InputChannel:
        if not credentials:
            cls.raise_missing_credentials_exception()
        return cls(credentials.get("url"), credentials.get("account"), credentials.get("secret"))

    def __init__(self, url: Text, account: Text, secret: Text) -> None:
        self.url, self.account, self.secret = url, account, secret

    def _is_signed(self, request: Request) -> bool:
        digest = hmac.new(self.secret.encode(), request.body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(digest, request.headers.get("X-Signature", ""))

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        helpdesk_webhook = Blueprint("helpdesk_webhook", __name__)

        @helpdesk_webhook.route("/", methods=["GET"])
        async def health(request: Request) -> HTTPResponse:
            return response.json({"status": "ok"})

        @helpdesk_webhook.route("/webhook", methods=["POST"])
        async def message(request: Request) -> HTTPResponse:
            if not self._is_signed(request):
                return response.json({"error": "wrong signature"}, status=401)
            event = request.json
            if event.get("message_type") != "incoming":
                return response.text("", status=204)
            user_message = UserMessage(
                event["content"],
                self.get_output_channel(),
                event["conversation"]["id"],
                input_channel=self.name(),
                metadata=self.get_metadata(request),
            )
            request.app.add_task(on_new_message(user_message))
            return response.text("success")

        return helpdesk_webhook

    def get_metadata(self, request: Request) -> Optional[Dict[Text, Any]]:
        return {"inbox": request.json.get("inbox")}

    def get_output_channel(self) -> OutputChannel:
        return HelpdeskOutput(self.url, self.account)


class AppRest(RestInput):
    """REST with a body of its own, several messages in a request, and the tracker's commands."""

    @classmethod
    def name(cls) -> Text:
        return "app"

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[None]]) -> Blueprint:
        module_type = inspect.getmodule(self)
        custom_webhook = Blueprint("custom_webhook_{}".format(type(self).__name__), module_type.__name__)

        @custom_webhook.route("/", methods=["GET"])
        async def health(request: Request) -> HTTPResponse:
            return response.json({"status": "ok"})

        @custom_webhook.route("/webhook", methods=["POST", "OPTIONS"])
        async def receive(request: Request) -> HTTPResponse:
            answers = []
            for said in request.json["messages"]:
                text = INTENT_MESSAGE_PREFIX + "greet" if said == "start" else said
                collector = CollectingOutputChannel()
                await on_new_message(
                    UserMessage(
                        text,
                        collector,
                        await self._extract_sender(request),
                        input_channel=self._extract_input_channel(request),
                        metadata=self.get_metadata(request),
                        headers=request.headers,
                    )
                )
                answers.append(collector.messages)
            return response.json(answers, headers={"Access-Control-Allow-Origin": "*"})

        return custom_webhook


class SignedCallback(CallbackInput):
    @classmethod
    def name(cls) -> Text:
        return "signed_callback"

    def get_metadata(self, request: Request) -> Dict[Text, Any]:
        return {"agent": request.headers.get("user-agent")}


class TokenSockets(SocketIOInput):
    """Sockets with JSON web tokens; the metadata name the page."""

    @classmethod
    def name(cls) -> Text:
        return "token_sockets"

    def get_metadata(self, request: Any) -> Optional[Dict[Text, Any]]:
        return {"page": json.loads(request["custom"])["page"]} if "custom" in request else None


def claims_of(token: Text, key: Text) -> Optional[Dict[Text, Any]]:
    return rasa.core.channels.channel.decode_bearer_token(token, key, "HS256")
