"""Stand-ins for `rasa.core.channels.channel`: messages, input channels and output channels."""

import asyncio
import json
import logging
import uuid
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NoReturn

from sanic import Blueprint
from sanic.request import Request

from manent.core.events import Json
from manent.rasa_names.core.constants import BEARER_TOKEN_PREFIX
from manent.rasa_names.shared.exceptions import InvalidConfigException
from manent.rasa_names.utils.endpoints import bool_arg

logger = logging.getLogger("manent.rasa_channel")

DEFAULT_SENDER = "default"

OnNewMessage = Callable[["UserMessage"], Awaitable[Any]]


class UserMessage:
    """A visitor's message, which an input channel passes to `on_new_message`.

    Attributes:
        has_own_id: whether the channel has set the message's id.
    """

    def __init__(
        self,
        text: str | None = None,
        output_channel: "OutputChannel | None" = None,
        sender_id: str | None = None,
        parse_data: Json | None = None,
        input_channel: str | None = None,
        message_id: str | None = None,
        metadata: Json | None = None,
        **kwargs: Any,
    ) -> None:
        self.text = text.strip() if text else text
        self.has_own_id = message_id is not None
        self.message_id = uuid.uuid4().hex if message_id is None else str(message_id)
        self.output_channel = CollectingOutputChannel() if output_channel is None else output_channel
        self.sender_id = DEFAULT_SENDER if sender_id is None else str(sender_id)
        self.input_channel = input_channel
        self.parse_data = parse_data
        self.metadata = metadata
        self.headers = kwargs.get("headers")


class InputChannel:
    """Base class of input channels."""

    @classmethod
    def name(cls) -> str:
        """Return the name of the channel."""
        return cls.__name__

    @classmethod
    def from_credentials(cls, credentials: Json | None) -> "InputChannel":
        """Create the channel from its section of `credentials.yml`. None: the section is empty."""
        del credentials
        return cls()

    def url_prefix(self) -> str:
        """Return the part of the channel's URLs after `/webhooks/`."""
        return self.name()

    def blueprint(self, on_new_message: OnNewMessage) -> Blueprint:
        """Return the channel's routes."""
        raise NotImplementedError("an input channel must return a Sanic blueprint")

    @classmethod
    def raise_missing_credentials_exception(cls) -> NoReturn:
        """Raise the error for a section in which required options are missing."""
        raise InvalidConfigException(
            f"the channel {cls.name()!r} requires options: add them under its name in credentials.yml"
        )

    def get_output_channel(self) -> "OutputChannel | None":
        """Return the output channel for messages that are sent without a request, or None."""
        return None

    def get_metadata(self, request: Request) -> Json | None:
        """Return the metadata in a request."""
        del request
        return None


class OutputChannel:
    """Base class of output channels, with a method for each part of a bot message."""

    @classmethod
    def name(cls) -> str:
        """Return the name of the channel. Response variations for a specific channel contain this name."""
        return cls.__name__

    async def send_response(self, recipient_id: str, message: Json) -> None:
        """Send one bot message: the text or the buttons first, then its other parts."""
        message = dict(message)
        replies, buttons = message.pop("quick_replies", None), message.pop("buttons", None)
        text, custom = message.pop("text", None), message.pop("custom", None)
        image, attachment = message.pop("image", None), message.pop("attachment", None)
        elements = message.pop("elements", None)
        if replies:
            await self.send_quick_replies(recipient_id, text, replies, **message)
        elif buttons:
            await self.send_text_with_buttons(recipient_id, text, buttons, **message)
        elif text:
            await self.send_text_message(recipient_id, text, **message)
        if custom:
            await self.send_custom_json(recipient_id, custom, **message)
        if image:
            await self.send_image_url(recipient_id, image, **message)
        if attachment:
            await self.send_attachment(recipient_id, attachment, **message)
        if elements:
            await self.send_elements(recipient_id, elements, **message)

    async def send_text_message(self, recipient_id: str, text: str, **kwargs: Any) -> None:
        """Send a text."""
        raise NotImplementedError("an output channel must implement send_text_message")

    async def send_image_url(self, recipient_id: str, image: str, **kwargs: Any) -> None:
        """Send an image. By default, send its URL as a text."""
        del kwargs
        await self.send_text_message(recipient_id, f"Image: {image}")

    async def send_attachment(self, recipient_id: str, attachment: str, **kwargs: Any) -> None:
        """Send an attachment. By default, send its URL as a text."""
        del kwargs
        await self.send_text_message(recipient_id, f"Attachment: {attachment}")

    async def send_text_with_buttons(
        self, recipient_id: str, text: str | None, buttons: list[Json], **kwargs: Any
    ) -> None:
        """Send a text with buttons. By default, send the text and a numbered line for each button."""
        del kwargs
        await self.send_text_message(recipient_id, text or "")
        for number, button in enumerate(buttons, start=1):
            payload = f" ({button['payload']})" if button.get("payload") else ""
            await self.send_text_message(recipient_id, f"{number}: {button.get('title', '')}{payload}")

    async def send_quick_replies(
        self, recipient_id: str, text: str | None, quick_replies: list[Json], **kwargs: Any
    ) -> None:
        """Send a text with quick replies. By default, send them as buttons."""
        await self.send_text_with_buttons(recipient_id, text, quick_replies, **kwargs)

    async def send_elements(self, recipient_id: str, elements: Iterable[Json], **kwargs: Any) -> None:
        """Send a list of elements. By default, send each element as a text with buttons."""
        del kwargs
        for element in elements:
            text = f"{element.get('title', '')} : {element.get('subtitle', '')}"
            await self.send_text_with_buttons(recipient_id, text, element.get("buttons", []))

    async def send_custom_json(self, recipient_id: str, json_message: Json, **kwargs: Any) -> None:
        """Send a message in a custom format. By default, send its JSON as a text."""
        del kwargs
        await self.send_text_message(recipient_id, json.dumps(json_message))


def decode_jwt(bearer_token: str, jwt_key: str, jwt_algorithm: str) -> Json:
    """Return the claims of a JSON web token, with or without `Bearer ` before it.

    Raises:
        jwt.PyJWTError: the token is not valid.
    """
    import jwt

    claims: Json = jwt.decode(bearer_token.removeprefix(BEARER_TOKEN_PREFIX), jwt_key, algorithms=[jwt_algorithm])
    return claims


def decode_bearer_token(bearer_token: str, jwt_key: str, jwt_algorithm: str) -> Json | None:
    """Return the claims of a JSON web token. None: the token is not valid."""
    import jwt

    try:
        return decode_jwt(bearer_token, jwt_key, jwt_algorithm)
    except jwt.PyJWTError as error:
        logger.warning("a token was refused: %s", error)
        return None


class CollectingOutputChannel(OutputChannel):
    """Collects messages in the list `messages`."""

    def __init__(self) -> None:
        self.messages: Any = []

    @classmethod
    def name(cls) -> str:
        """Return `collector`."""
        return "collector"

    @staticmethod
    def _message(
        recipient_id: str,
        text: str | None = None,
        image: str | None = None,
        buttons: list[Json] | None = None,
        attachment: str | None = None,
        custom: Json | None = None,
    ) -> Json:
        parts = {"text": text, "image": image, "buttons": buttons, "attachment": attachment, "custom": custom}
        return {"recipient_id": recipient_id, **{key: part for key, part in parts.items() if part is not None}}

    def latest_output(self) -> Json | None:
        """Return the newest message, or None."""
        return self.messages[-1] if self.messages else None

    async def _persist_message(self, message: Json) -> None:
        self.messages.append(message)

    async def send_text_message(self, recipient_id: str, text: str, **_: Any) -> None:
        """Collect the paragraphs of a text."""
        for part in text.strip().split("\n\n"):
            await self._persist_message(self._message(recipient_id, text=part))

    async def send_image_url(self, recipient_id: str, image: str, **_: Any) -> None:
        """Collect an image."""
        await self._persist_message(self._message(recipient_id, image=image))

    async def send_attachment(self, recipient_id: str, attachment: str, **_: Any) -> None:
        """Collect an attachment."""
        await self._persist_message(self._message(recipient_id, attachment=attachment))

    async def send_text_with_buttons(self, recipient_id: str, text: str | None, buttons: list[Json], **_: Any) -> None:
        """Collect a text with buttons."""
        await self._persist_message(self._message(recipient_id, text=text, buttons=buttons))

    async def send_custom_json(self, recipient_id: str, json_message: Json, **_: Any) -> None:
        """Collect a message in a custom format."""
        await self._persist_message(self._message(recipient_id, custom=json_message))


class QueueOutputChannel(CollectingOutputChannel):
    """Adds messages to a queue, from which another task sends them immediately."""

    def __init__(self, message_queue: "asyncio.Queue[Any] | None" = None) -> None:
        super().__init__()
        self.messages = asyncio.Queue() if message_queue is None else message_queue

    @classmethod
    def name(cls) -> str:
        """Return `queue`."""
        return "queue"

    def latest_output(self) -> NoReturn:
        """Raise NotImplementedError, because a queue's messages can be read only once."""
        raise NotImplementedError("a queue does not keep its messages")

    async def _persist_message(self, message: Json) -> None:
        await self.messages.put(message)


def is_streaming(request: Request) -> bool:
    """Return whether a request contains `?stream=true`, which means that each message is sent separately."""
    return bool_arg(request, "stream", default=False)
