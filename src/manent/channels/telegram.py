"""The Telegram channel, which receives updates from the Bot API and calls its methods.

`docs/channels/telegram.md` describes it.
"""

import asyncio
import hashlib
import hmac
import logging
import mimetypes
from collections.abc import Sequence
from typing import Any, Final

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.routing import Route as HttpRoute

from manent.channels.inbox import Inbox
from manent.channels.media import UNKNOWN, File, Media
from manent.channels.messenger import (
    ATTACHMENT,
    CONTACT,
    Incoming,
    MessengerChannel,
    MessengerOptions,
    Update,
    card_text,
    items_of,
    json_text,
    location_text,
    part_of,
    read_object,
    text_of,
    url_of,
)
from manent.channels.platform_api import Answer
from manent.channels.texts import shorten, texts_of, utf16_units
from manent.core.events import BotUttered, Json
from manent.core.postbox import Route
from manent.core.secret_text import is_same
from manent.extensions.options import Secret
from manent.runtime.choices import buttons_of, payload_of, short_payload
from manent.runtime.ports.channel import SendLater, Undeliverable

log = logging.getLogger("manent.channels")

MAX_TEXT: Final = 4096
"""Maximum number of UTF-16 code units in a message (Bot API, sendMessage)."""

MAX_CALLBACK_DATA: Final = 64
"""Maximum number of bytes of a button's data (Bot API, InlineKeyboardButton)."""

ROW: Final = 8
MAX_BUTTONS: Final = 100
RETRY_S: Final = 60.0
UPDATES: Final = ("message", "edited_message", "callback_query")

_CUSTOM: Final = (
    ({"photo"}, "sendPhoto"),
    ({"audio"}, "sendAudio"),
    ({"document"}, "sendDocument"),
    ({"sticker"}, "sendSticker"),
    ({"video"}, "sendVideo"),
    ({"video_note"}, "sendVideoNote"),
    ({"animation"}, "sendAnimation"),
    ({"voice"}, "sendVoice"),
    ({"media"}, "sendMediaGroup"),
    ({"latitude", "longitude", "title", "address"}, "sendVenue"),
    ({"latitude", "longitude"}, "sendLocation"),
    ({"phone_number", "first_name"}, "sendContact"),
    ({"question", "options"}, "sendPoll"),
    ({"dice"}, "sendDice"),
    ({"emoji"}, "sendDice"),
    ({"game_short_name"}, "sendGame"),
    ({"action"}, "sendChatAction"),
    ({"title", "description", "payload", "currency", "prices"}, "sendInvoice"),
    ({"text"}, "sendMessage"),
)
"""Keys of a custom message → the Bot API method that sends it. The first match is used."""

_ATTACHMENTS: Final = ("photo", "document", "audio", "voice", "video", "video_note", "animation", "sticker")


class TelegramOptions(MessengerOptions, frozen=True, kw_only=True):
    """The `telegram:` section of `credentials.yml`.

    Attributes:
        access_token: the bot's token from @BotFather.
        verify: the bot's name, without @.
        webhook_url: public URL of `/webhooks/telegram/webhook`.
        split_paragraphs: whether each paragraph of a text is sent as a separate message, as in Rasa.
        api_url: base URL of the Bot API.
    """

    access_token: Secret
    verify: str
    webhook_url: str
    split_paragraphs: bool = True
    api_url: str = "https://api.telegram.org"


class TelegramChannel(MessengerChannel):
    """`POST /webhooks/telegram/webhook`. Implements `Channel` and `Messenger`."""

    name = "telegram"
    options = TelegramOptions
    max_buttons = MAX_BUTTONS
    shown_buttons = MAX_BUTTONS

    def __init__(self, options: TelegramOptions) -> None:
        super().__init__()
        self._options = options
        self._setting: asyncio.Task[None] | None = None
        self._media = Media(self.name, options.access_token, self.api, self._locate)

    @property
    def secret_token(self) -> str:
        """The secret that Telegram sends with each update. It is derived from the bot's token."""
        return hmac.new(self._options.access_token.encode(), b"manent webhook", hashlib.sha256).hexdigest()

    def routes(self, inbox: Inbox) -> list[BaseRoute]:
        """See `Channel.routes`."""
        path = f"/webhooks/{self.name}/set_webhook"
        set_webhook = HttpRoute(path, self._set_webhook, methods=["GET", "POST"])
        return [*super().routes(inbox), set_webhook, self._media.route()]

    async def _locate(self, media_id: str) -> File:
        """Return the address of a file, which contains the bot's token."""
        found = await self._call("getFile", {"file_id": media_id})
        path = text_of(found, "result", "file_path")
        url = f"{self._options.api_url.rstrip('/')}/file/bot{self._options.access_token}/{path}"
        return File(url=url, mime=mimetypes.guess_type(path)[0] or UNKNOWN)

    async def open(self) -> None:
        """See `Channel.open`. Sets the webhook in the background; a failure is logged, and it is tried again."""
        self._setting = asyncio.create_task(self._set_webhook_until_done())

    async def close(self) -> None:
        """See `Channel.close`."""
        if self._setting is not None:
            self._setting.cancel()
            await asyncio.gather(self._setting, return_exceptions=True)
        await super().close()

    async def _set_webhook_until_done(self) -> None:
        while True:
            try:
                await self.set_webhook()
            except (SendLater, Undeliverable) as error:
                extra = {"channel": self.name, "error": error.message, "retry_s": RETRY_S}
                log.warning("could not set the webhook of Telegram; trying again", extra=extra)
                await asyncio.sleep(RETRY_S)
            else:
                return

    async def set_webhook(self) -> None:
        """Register the URL and the secret of the webhook with Telegram.

        Raises:
            SendLater: Telegram could not be reached.
            Undeliverable: Telegram rejected the URL.
        """
        await self._call(
            "setWebhook",
            {"url": self._options.webhook_url, "secret_token": self.secret_token, "allowed_updates": list(UPDATES)},
        )

    async def check(self) -> str:
        """Return a sentence with the bot's name from Telegram.

        Raises:
            SendLater, Undeliverable: the token is wrong or Telegram could not be reached.
        """
        bot = await self._call("getMe", {})
        name = text_of(bot, "result", "username")
        if name.lower() != self._options.verify.lower().lstrip("@"):
            raise Undeliverable(f"the token belongs to the bot {name}, not to {self._options.verify} (verify)")
        return f"the bot is @{name}"

    async def _set_webhook(self, _: Request) -> Response:
        """Register the webhook again, as Rasa's route does."""
        try:
            await self.set_webhook()
        except (SendLater, Undeliverable) as error:
            log.warning("could not set the webhook of Telegram", extra={"channel": self.name, "error": error.message})
            return Response(b"Invalid webhook", status_code=502, media_type="text/plain")
        return Response(b"Webhook setup successful", media_type="text/plain")

    async def verify(self, request: Request, body: bytes) -> None:
        """See `MessengerChannel.verify`."""
        del body  # Telegram sends a secret, and no signature of the body
        if not is_same(request.headers.get("x-telegram-bot-api-secret-token", ""), self.secret_token):
            self.refuse("the secret token is missing or wrong")

    async def read(self, request: Request, body: bytes) -> Update:
        """See `MessengerChannel.read`. The progress bar of a button ends after the answer."""
        del request
        update = read_object(body)
        query_id = text_of(update, "callback_query", "id")
        after = BackgroundTask(self._answer_query, query_id) if query_id else None
        answer = Response(b"{}", media_type="application/json", background=after)
        incoming = self.incoming(update)
        if incoming is None:
            return Update(ignored=[f"an update with {', '.join(sorted(update)[:5])}"], answer=answer)
        return Update(messages=[incoming], answer=answer)

    async def _answer_query(self, query_id: str) -> None:
        """End the progress indicator of a clicked button.

        An error is only logged, because the bot's reply does not depend on it.
        """
        try:
            await self._call("answerCallbackQuery", {"callback_query_id": query_id})
        except (SendLater, Undeliverable) as error:
            log.debug("could not answer a callback query", extra={"error": error.message})

    def incoming(self, update: dict[str, Any]) -> Incoming | None:
        """Convert an update to a message. Return None if the channel does not support it."""
        update_id = text_of(update, "update_id")
        query = update.get("callback_query")
        is_edited = "edited_message" in update
        message = part_of(query, "message") or update.get("message") or update.get("edited_message")
        address = text_of(message, "chat", "id")
        sender = part_of(query, "from") if query else part_of(message, "from")
        if not update_id or not address or part_of(sender, "is_bot"):
            return None
        metadata: Json = {"telegram": {"from": sender, "chat": part_of(message, "chat")}}
        if is_edited:
            metadata["edited"] = True
        if query:
            data = text_of(query, "data")
            title = _title_of(message, data)
            return (
                data and Incoming(address=address, text=data, title=title, message_id=update_id, metadata=metadata)
            ) or None
        text = self._text(message, metadata)
        return None if text is None else Incoming(address=address, text=text, message_id=update_id, metadata=metadata)

    def _text(self, message: Any, metadata: Json) -> str | None:
        if text := text_of(message, "text"):
            return self._command(text, metadata)
        if isinstance(location := part_of(message, "location"), dict):
            return location_text(location.get("longitude"), location.get("latitude"))
        if contact := part_of(message, "contact"):
            metadata["contact"] = contact
            return CONTACT
        for kind in _ATTACHMENTS:
            found = part_of(message, kind)
            found = found[-1] if isinstance(found, list) and found else found  # the largest size of a photo
            if isinstance(found, dict):
                metadata["attachments"] = [self._attachment(kind, found)]
                return text_of(message, "caption") or ATTACHMENT
        return None

    def _attachment(self, kind: str, found: dict[str, Any]) -> Json:
        media_id = text_of(found, "file_id")
        return {
            "type": kind,
            "id": media_id,
            "url": self._media.url(media_id) if media_id else None,
            "name": found.get("file_name"),
            "mime": found.get("mime_type"),
            "size": found.get("file_size"),
        }

    def _command(self, text: str, metadata: Json) -> str:
        """Return a text without the bot's name in a command, and metadata with the parameter of /start."""
        command, space, rest = text.partition(" ")
        if not command.startswith("/"):
            return text
        name, _, bot = command.partition("@")
        if bot.lower() == self._options.verify.lower().lstrip("@"):
            command = name
        if command == "/start" and rest:
            metadata["start_parameter"] = rest
            return command
        return command + space + rest

    def shown(self, event: BotUttered) -> Sequence[Json]:
        """Return a Bot API method and its parameters for each part. See `MessengerChannel.shown`."""
        data = event.data
        buttons = buttons_of(event)[:MAX_BUTTONS]
        texts = texts_of(
            event, MAX_TEXT, split_paragraphs=self._options.split_paragraphs and not buttons, measure=utf16_units
        )
        if buttons and not texts:
            texts = ["…"]  # Telegram has no message that consists of buttons only
        parts: list[Json] = [_text(text) for text in texts]
        if buttons:
            kind = data.get("button_type") or event.metadata.get("button_type") or "inline"
            parts[-1] = {**parts[-1], "reply_markup": _keyboard(buttons, kind)}
        if image := data.get("image"):
            parts.append({"method": "sendPhoto", "photo": image})
        if (attachment := data.get("attachment")) and attachment != image:
            url = url_of(attachment)
            parts.append({"method": "sendDocument", "document": url} if url else _text(json_text(attachment)))
        parts += [{**_text(card_text(one)), **_element_keyboard(one)} for one in items_of(data, "elements")]
        if isinstance(custom := data.get("custom"), dict):
            parts.append({"method": _method(custom), **custom})
        return parts

    async def send_part(self, route: Route, part: Json, key: str) -> None:
        """See `Messenger.send_part`."""
        del key  # the Bot API has no idempotency keys
        parameters = {name: value for name, value in part.items() if name != "method"}
        await self._call(part["method"], {"chat_id": route.address, **parameters})

    async def show_typing(self, route: Route) -> None:
        """See `Messenger.show_typing`."""
        await self._call("sendChatAction", {"chat_id": route.address, "action": "typing"})

    async def _call(self, method: str, parameters: Json) -> dict[str, Any]:
        base = f"{self._options.api_url.rstrip('/')}/bot{self._options.access_token}"
        answer = await self.api.call("POST", f"{base}/{method}", json=parameters)
        moved = part_of(answer.json, "parameters", "migrate_to_chat_id")
        if moved is not None and parameters.get("chat_id") != moved:  # the group has become a supergroup
            return await self._call(method, {**parameters, "chat_id": moved})
        _check(answer)
        return answer.json


def _check(answer: Answer) -> None:
    wait = part_of(answer.json, "parameters", "retry_after")
    if answer.status == 429 and isinstance(wait, int | float):  # noqa: PLR2004
        raise SendLater("Telegram's rate limit is exceeded", retry_after=float(wait))
    if answer.status == 404 and not part_of(answer.json, "description"):  # noqa: PLR2004
        raise SendLater("status 404: api_url is not the Bot API, or access_token is wrong")
    answer.check(text_of(answer.json, "description"))


def _title_of(message: Any, data: str) -> str | None:
    """Return the text of the button with this data, from the keyboard that Telegram sends with the query."""
    rows = part_of(message, "reply_markup", "inline_keyboard")
    for row in rows if isinstance(rows, list) else ():
        for button in row if isinstance(row, list) else ():
            if text_of(button, "callback_data") == data:
                return text_of(button, "text") or None
    return None


def _keyboard(buttons: Sequence[dict[str, Any]], kind: str) -> Json:
    if kind == "reply":
        rows = [[{"text": str(button["title"])}] for button in buttons]
        return {"keyboard": rows, "one_time_keyboard": True, "resize_keyboard": True}
    made = [_button(button) for button in buttons]
    width = 1 if kind == "vertical" else ROW
    return {"inline_keyboard": [made[start : start + width] for start in range(0, len(made), width)]}


def _button(button: dict[str, Any]) -> Json:
    title = shorten(str(button["title"]), MAX_CALLBACK_DATA)
    if (url := button.get("url")) and not button.get("payload"):
        return {"text": title, "url": url}
    return {"text": title, "callback_data": short_payload(payload_of(button), MAX_CALLBACK_DATA)}


def _text(text: str) -> Json:
    return {"method": "sendMessage", "text": text}


def _element_keyboard(element: dict[str, Any]) -> Json:
    buttons = [button for button in items_of(element, "buttons") if button.get("title")]
    return {"reply_markup": _keyboard(buttons, "vertical")} if buttons else {}


def _method(custom: dict[str, Any]) -> str:
    """Return the Bot API method for a custom message. Without a match, return sendMessage, which Telegram rejects."""
    return next((method for keys, method in _CUSTOM if keys <= custom.keys()), "sendMessage")
