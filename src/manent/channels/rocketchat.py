"""The Rocket.Chat channel: outgoing and Omnichannel webhooks in, messages out. See `docs/channels/rocketchat.md`."""

import hashlib
import re
import time
from collections.abc import Sequence
from typing import Any, Final

from starlette.requests import Request

from manent.channels.messenger import (
    ATTACHMENT,
    MAX_ATTACHMENTS,
    Incoming,
    MessengerChannel,
    MessengerOptions,
    Update,
    items_of,
    json_text,
    part_of,
    read_object,
    text_of,
    url_of,
)
from manent.channels.platform_api import Answer
from manent.channels.platform_tokens import IssuedToken
from manent.channels.texts import numbered, shorten, split_text, texts_of
from manent.core.events import BotUttered, Json
from manent.core.postbox import Route
from manent.core.secret_text import is_same
from manent.extensions.options import Secret
from manent.runtime.choices import buttons_of, payload_of, short_payload
from manent.runtime.ports.channel import SendLater

MAX_TEXT: Final = 5_000
"""Characters of a message, unless the server's administrator has changed the limit."""

MAX_BUTTONS: Final = 50
ROW: Final = 5
MAX_TITLE: Final = 200
MAX_PAYLOAD: Final = 2_000

_WAIT: Final = re.compile(r"must wait (\d{1,6}) seconds")


class RocketChatOptions(MessengerOptions, frozen=True, kw_only=True):
    """The `rocketchat:` section of `credentials.yml`.

    Attributes:
        user: name of the bot's account.
        password: its password.
        server_url: base of the server, for example `https://chat.example.com`.
        token: token of the outgoing webhook. Without it, anyone can send messages to the webhook.
        livechat_token: secret token of the Omnichannel webhook. Without it, anyone can send messages to the webhook.
        split_paragraphs: whether a text is sent as several messages, one for each paragraph, as Rasa does.
    """

    user: str
    password: Secret
    server_url: str
    token: Secret | None = None
    livechat_token: Secret | None = None
    split_paragraphs: bool = True


class RocketChatChannel(MessengerChannel):
    """`POST /webhooks/rocketchat/webhook`. Implements `Channel` and `Messenger`."""

    name = "rocketchat"
    options = RocketChatOptions
    max_buttons = MAX_BUTTONS
    shown_card_buttons = MAX_BUTTONS
    shown_custom = (dict, list)

    def __init__(self, options: RocketChatOptions) -> None:
        super().__init__()
        self._options = options
        self._login = IssuedToken(self._log_in)
        missing = [name for name in ("token", "livechat_token") if not getattr(options, name)]
        if len(missing) == 2:  # noqa: PLR2004  # both
            self.notes = ("without token or livechat_token, anyone can send messages to the webhook for any user",)

    async def verify(self, request: Request, body: bytes) -> None:
        """See `MessengerChannel.verify`.

        If only one of the two tokens is configured, the other kind of webhook is not in use, and it is refused.
        """
        token, livechat_token = self._options.token, self._options.livechat_token
        if not token and not livechat_token:
            return
        update = read_object(body)
        if "visitor" in update:
            given, expected = request.headers.get("x-rocketchat-livechat-token", ""), livechat_token
        else:
            given, expected = text_of(update, "token"), token
        if not expected or not is_same(given, expected):
            self.refuse("the token is missing or wrong, or this kind of webhook is not configured")

    async def read(self, request: Request, body: bytes) -> Update:
        """See `MessengerChannel.read`."""
        del request
        update = read_object(body)
        if "visitor" in update:
            found = [self._livechat(update, message) for message in items_of(update, "messages")] or [None]
        else:
            found = [self._message(update)]
        return Update(
            messages=[one for one in found if one is not None],
            ignored=["an event without a text, or of the bot itself"] * found.count(None),
        )

    def _message(self, update: dict[str, Any]) -> Incoming | None:
        """Convert the message of an outgoing webhook. None: it is the bot's, or has no text."""
        names = ("user_id", "user_name", "channel_name", "tmid", "alias")
        metadata: Json = {"rocketchat": {name: update[name] for name in names if update.get(name)}}
        message_id = text_of(update, "message_id")
        if update.get("isEdited") is True:
            metadata["edited"] = True
            message_id += f":{text_of(update, 'timestamp')}:{_digest(text_of(update, 'text'))}"
        return self._incoming(
            text_of(update, "channel_id"), message_id, text_of(update, "user_name"), text_of(update, "text"), metadata
        )

    def _livechat(self, update: dict[str, Any], message: dict[str, Any]) -> Incoming | None:
        """Convert a message of an Omnichannel webhook. None: it is an agent's or the bot's, or has no text."""
        room = text_of(update, "_id")
        author = text_of(message, "username") or text_of(message, "u", "username")
        if message.get("agentId") or text_of(message, "t"):  # `t`: the room was opened, closed, or transferred
            return None
        metadata: Json = {"rocketchat": {"visitor": update.get("visitor"), "type": update.get("type")}}
        files = [_attachment(message)] if isinstance(message.get("file"), dict) else []
        files += [_attachment(one) for one in items_of(message, "files")]
        if files:
            metadata["attachments"] = files[:MAX_ATTACHMENTS]
        text = text_of(message, "msg") or (ATTACHMENT if files else "")
        message_id = text_of(message, "_id") or _digest(f"{text_of(message, 'ts')}\0{author}\0{text}")
        return self._incoming(room, message_id, author, text, metadata)

    def _incoming(self, room: str, message_id: str, author: str, text: str, metadata: Json) -> Incoming | None:
        if not room or not message_id or not text or author.lower() == self._options.user.lower():
            return None
        return Incoming(address=room, text=text, message_id=message_id, metadata=metadata)

    def shown(self, event: BotUttered) -> Sequence[Json]:
        """See `MessengerChannel.shown`: each part has the arguments of chat.postMessage except the room."""
        data = event.data
        buttons = buttons_of(event)
        texts = texts_of(event, MAX_TEXT, split_paragraphs=self._options.split_paragraphs and not buttons)
        if len(buttons) > MAX_BUTTONS:
            texts, buttons = split_text(numbered(event.text or "", buttons), MAX_TEXT), []
        parts: list[Json] = [{"text": text} for text in texts]
        if buttons:
            parts[-1:] = [{**({"text": texts[-1]} if texts else {}), "attachments": _rows(buttons)}]
        if image := data.get("image"):
            parts.append({"attachments": [{"image_url": str(image)}]})
        if (attachment := data.get("attachment")) and attachment != image:
            parts.append({"text": url_of(attachment) or shorten(json_text(attachment), MAX_TEXT)})
        for element in items_of(data, "elements"):
            choices = [one for one in items_of(element, "buttons") if one.get("title")][:MAX_BUTTONS]
            card = {"title": text_of(element, "title"), "text": text_of(element, "subtitle")}
            card["image_url"] = text_of(element, "image_url")
            shown = {name: value for name, value in card.items() if value}
            parts.append({"attachments": [shown or {"text": "…"}, *_rows(choices)]})
        custom = data.get("custom")
        if isinstance(custom, dict):
            parts.append(custom)
        elif isinstance(custom, list):
            parts.append({"attachments": custom})
        return parts

    async def send_part(self, route: Route, part: Json, key: str) -> None:
        """See `Messenger.send_part`."""
        del key  # chat.postMessage has no idempotency keys
        await self._call("POST", "chat.postMessage", {"roomId": route.address, **part})

    async def check(self) -> str:
        """Return the name of the bot's account.

        Raises:
            SendLater, Undeliverable: the name or the password is wrong, or the server could not be reached.
        """
        return f"the bot is @{text_of(await self._call('GET', 'me'), 'username')}"

    async def _log_in(self) -> tuple[tuple[str, str], float]:
        answer = await self.api.call(
            "POST", self._url("login"), json={"user": self._options.user, "password": self._options.password}
        )
        data = answer.json.get("data")
        user_id, token = text_of(data, "userId"), text_of(data, "authToken")
        if not user_id or not token:
            answer.check(text_of(answer.json, "message"))
            raise SendLater("Rocket.Chat answered the login without a token; two-factor authentication must be off")
        return (user_id, token), float("inf")

    async def _call(self, method: str, path: str, body: Json | None = None) -> dict[str, Any]:
        login = await self._login.get()
        user_id, token = login
        headers = {"X-User-Id": user_id, "X-Auth-Token": token}
        answer = await self.api.call(method, self._url(path), json=body, headers=headers)
        if answer.status == 401:  # noqa: PLR2004  # the login has expired
            self._login.forget(login)
        reason = text_of(answer.json, "error") or text_of(answer.json, "message")
        if answer.status == 429:  # noqa: PLR2004  # Too Many Requests
            raise SendLater("Rocket.Chat's rate limit is exceeded", retry_after=_wait_s(answer, reason))
        answer.check(reason)
        return answer.json

    def _url(self, path: str) -> str:
        return f"{self._options.server_url.rstrip('/')}/api/v1/{path}"


def _wait_s(answer: Answer, reason: str) -> float | None:
    """Return how long the server asks to wait: until the time of a header, or as long as the error's text says."""
    found = _WAIT.search(reason)
    if found:
        return float(found[1])
    try:
        return max(0.0, float(answer.headers.get("x-ratelimit-reset", "")) / 1000 - time.time())
    except ValueError:
        return answer.retry_after


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:32]


def _attachment(message: dict[str, Any]) -> Json:
    """Return the attachment of a livechat message: the file, and the address at which it can be fetched."""
    file = part_of(message, "file") or message
    mime = text_of(file, "type")
    url = text_of(message, "fileUpload", "publicFilePath") or text_of(message, "attachments", 0, "title_link")
    return {
        "type": mime.partition("/")[0] or "file",
        "url": url or None,
        "id": file.get("_id"),
        "name": file.get("name"),
        "mime": mime or None,
        "size": file.get("size"),
    }


def _rows(buttons: Sequence[dict[str, Any]]) -> list[Json]:
    actions = [_action(one) for one in buttons]
    return [{"actions": actions[start : start + ROW]} for start in range(0, len(actions), ROW)]


def _action(button: dict[str, Any]) -> Json:
    title = shorten(str(button["title"]), MAX_TITLE)
    if (url := button.get("url")) and not button.get("payload"):
        return {"type": "button", "text": title, "url": str(url)}
    payload = short_payload(payload_of(button), MAX_PAYLOAD)
    return {"type": "button", "text": title, "msg": payload, "msg_in_chat_window": True}
