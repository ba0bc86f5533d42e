"""The Mattermost channel: outgoing webhooks and message buttons in, posts out. See `docs/channels/mattermost.md`."""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from manent.channels.inbox import Inbox
from manent.channels.media import UNKNOWN, File, Media
from manent.channels.messenger import (
    ATTACHMENT,
    MAX_ATTACHMENTS,
    Incoming,
    MessengerChannel,
    MessengerOptions,
    Update,
    form_fields,
    items_of,
    json_text,
    part_of,
    read_object,
    text_of,
    url_of,
)
from manent.channels.platform_tokens import IssuedToken
from manent.channels.texts import numbered, shorten, split_text, texts_of
from manent.core.events import BotUttered, Json
from manent.core.postbox import Route
from manent.core.secret_text import is_same
from manent.extensions.options import Secret
from manent.runtime.choices import buttons_of, payload_of, short_payload
from manent.runtime.ports.channel import SendLater, Undeliverable

log = logging.getLogger("manent.channels")

MAX_TEXT: Final = 16_383
"""Characters of a post."""

ROW: Final = 5
"""Buttons of one message attachment, so that they fit into a line."""

MAX_BUTTONS: Final = 50
MAX_TITLE: Final = 200
MAX_PAYLOAD: Final = 2_000
LOOKUP_S: Final = 5.0
"""How long a webhook waits for the names and types of its files, and for the id of the bot."""


class MattermostOptions(MessengerOptions, frozen=True, kw_only=True):
    """The `mattermost:` section of `credentials.yml`.

    Attributes:
        url: base of the server's API, for example `https://chat.example.com/api/v4`.
        token: access token of the bot account.
        webhook_url: public address of `/webhooks/mattermost/webhook`, which buttons call.
        outgoing_token: token of the outgoing webhook. Without it, anyone can send messages to the webhook.
        split_paragraphs: whether a text is sent as several messages, one for each paragraph, as Rasa does.
    """

    url: str
    token: Secret
    webhook_url: str
    outgoing_token: Secret | None = None
    split_paragraphs: bool = True


class MattermostChannel(MessengerChannel):
    """`POST /webhooks/mattermost/webhook`. Implements `Channel` and `Messenger`."""

    name = "mattermost"
    options = MattermostOptions
    max_buttons = MAX_BUTTONS
    shown_card_buttons = MAX_BUTTONS

    def __init__(self, options: MattermostOptions) -> None:
        super().__init__()
        self._options = options
        self._bot = IssuedToken(self._fetch_bot)
        self._media = Media(self.name, options.token, self.api, self._locate)
        if not options.outgoing_token:
            self.notes = ("without outgoing_token, anyone can send messages to the webhook in the name of any user",)

    def routes(self, inbox: Inbox) -> list[BaseRoute]:
        """See `Channel.routes`."""
        return [*super().routes(inbox), self._media.route()]

    async def _locate(self, file_id: str) -> File:
        found = await self._call("GET", f"files/{file_id}/info")
        url = f"{self._options.url.rstrip('/')}/files/{file_id}"
        return File(url=url, headers=self._headers, mime=text_of(found, "mime_type") or UNKNOWN)

    async def verify(self, request: Request, body: bytes) -> None:
        """See `MessengerChannel.verify`.

        The token of an outgoing webhook is a part of the body. The request of a button has none, so each button has a
        signature, which Mattermost shows to nobody.
        """
        update = _read(request, body)
        if isinstance(context := update.get("context"), dict):
            expected = self._signature(text_of(context, "action"), text_of(context, "title"))
            if not is_same(text_of(context, "signature"), expected):
                self.refuse("the signature of the button is missing or wrong")
        elif self._options.outgoing_token and not is_same(text_of(update, "token"), self._options.outgoing_token):
            self.refuse("the token is missing or wrong")

    async def read(self, request: Request, body: bytes) -> Update:
        """See `MessengerChannel.read`."""
        update = _read(request, body)
        user, channel = text_of(update, "user_id"), text_of(update, "channel_id")
        names = ("user_name", "channel_name", "team_domain", "post_id", "trigger_word")
        metadata: Json = {"mattermost": {name: text_of(update, name) for name in names if text_of(update, name)}}
        title = None
        if isinstance(context := update.get("context"), dict):
            text, title = text_of(context, "action"), text_of(context, "title")
            message_id = text_of(update, "trigger_id")
        else:
            text, message_id = text_of(update, "text").strip(), text_of(update, "post_id")
            text = text.removeprefix(text_of(update, "trigger_word")).strip()
            if files := _file_ids(update):
                metadata["attachments"] = await asyncio.gather(*map(self._attachment, files))
                text = text or ATTACHMENT
        answer = Response(b"{}", media_type="application/json")
        if not user or not channel or not message_id or not text or user == await self._bot_id():
            return Update(ignored=["a post without a text, or of the bot itself"], answer=answer)
        incoming = Incoming(
            address=user,
            text=text,
            title=title or None,
            message_id=message_id,
            metadata=metadata,
            reference={"channel_id": channel},
        )
        return Update(messages=[incoming], answer=answer)

    async def _bot_id(self) -> str:
        """Return the id of the bot's account. "": the server did not answer, so it takes no posts either."""
        try:
            async with asyncio.timeout(LOOKUP_S):
                return await self._bot.get()
        except (SendLater, Undeliverable, TimeoutError):
            return ""

    async def _fetch_bot(self) -> tuple[str, float]:
        bot = await self._call("GET", "users/me")
        return text_of(bot, "id"), float("inf")

    async def _attachment(self, file_id: str) -> Json:
        """Return what Mattermost knows of a file. If it does not answer, this is the id."""
        found: Json = {}
        try:
            async with asyncio.timeout(LOOKUP_S):
                found = await self._call("GET", f"files/{file_id}/info")
        except (SendLater, Undeliverable, TimeoutError) as error:
            log.info("could not look up a file", extra={"channel": self.name, "error": str(error)})
        mime = text_of(found, "mime_type")
        return {
            "type": mime.partition("/")[0] or "file",
            "id": file_id,
            "url": self._media.url(file_id),
            "name": found.get("name"),
            "mime": mime or None,
            "size": found.get("size"),
        }

    def shown(self, event: BotUttered) -> Sequence[Json]:
        """See `MessengerChannel.shown`: each part is a post without its channel."""
        data = event.data
        buttons = buttons_of(event)
        texts = texts_of(event, MAX_TEXT, split_paragraphs=self._options.split_paragraphs and not buttons)
        if len(buttons) > MAX_BUTTONS:
            texts, buttons = split_text(numbered(event.text or "", buttons), MAX_TEXT), []
        parts: list[Json] = [{"message": text} for text in texts]
        if buttons:
            parts[-1:] = [{"message": texts[-1] if texts else "", "props": {"attachments": self._rows(buttons)}}]
        if image := data.get("image"):
            url = str(image)
            parts.append({"message": "", "props": {"attachments": [{"fallback": url, "image_url": url}]}})
        if (attachment := data.get("attachment")) and attachment != image:
            parts.append({"message": url_of(attachment) or shorten(json_text(attachment), MAX_TEXT)})
        for element in items_of(data, "elements"):
            choices = [one for one in items_of(element, "buttons") if one.get("title")][:MAX_BUTTONS]
            card = {"title": text_of(element, "title"), "text": text_of(element, "subtitle")}
            card["image_url"] = text_of(element, "image_url")
            shown = {name: value for name, value in card.items() if value}
            parts.append({"message": "", "props": {"attachments": [shown or {"text": "…"}, *self._rows(choices)]}})
        if isinstance(custom := data.get("custom"), dict):
            parts.append({"message": "", **custom})
        return parts

    def _rows(self, buttons: Sequence[dict[str, Any]]) -> list[Json]:
        """Return message attachments with buttons. Mattermost has no buttons that open a page, so these are links."""
        links = [f"[{one['title']}]({one['url']})" for one in buttons if one.get("url") and not one.get("payload")]
        pressed = [one for one in buttons if not one.get("url") or one.get("payload")]
        actions = [self._action(number, one) for number, one in enumerate(pressed)]
        rows: list[Json] = [{"text": "\n".join(links)}] if links else []
        return rows + [{"actions": actions[start : start + ROW]} for start in range(0, len(actions), ROW)]

    def _action(self, number: int, button: dict[str, Any]) -> Json:
        title = shorten(str(button["title"]), MAX_TITLE)
        payload = short_payload(payload_of(button), MAX_PAYLOAD)
        context = {"action": payload, "title": title, "signature": self._signature(payload, title)}
        integration = {"url": self._options.webhook_url, "context": context}
        return {"id": f"button{number}", "name": title, "integration": integration}

    def _signature(self, payload: str, title: str) -> str:
        signed = f"manent button\0{payload}\0{title}".encode()
        return hmac.new(self._options.token.encode(), signed, hashlib.sha256).hexdigest()

    async def send_part(self, route: Route, part: Json, key: str) -> None:
        """See `Messenger.send_part`."""
        del key  # posts have no idempotency keys
        await self._call("POST", "posts", {"channel_id": text_of(route.reference, "channel_id"), **part})

    async def show_typing(self, route: Route) -> None:
        """See `Messenger.show_typing`."""
        await self._call("POST", "users/me/typing", {"channel_id": text_of(route.reference, "channel_id")})

    async def check(self) -> str:
        """Return the name of the bot's account.

        Raises:
            SendLater, Undeliverable: the token is wrong, or the server could not be reached.
        """
        return f"the bot is @{text_of(await self._call('GET', 'users/me'), 'username')}"

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._options.token}"}

    async def _call(self, method: str, path: str, body: Json | None = None) -> dict[str, Any]:
        url = f"{self._options.url.rstrip('/')}/{path}"
        answer = await self.api.call(method, url, json=body, headers=self._headers)
        answer.check(text_of(answer.json, "message"))
        return answer.json


def _read(request: Request, body: bytes) -> dict[str, Any]:
    is_form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    return dict(form_fields(body)) if is_form else read_object(body)


def _file_ids(update: dict[str, Any]) -> list[str]:
    """Return the ids of a post's files: a list, or a text with commas."""
    found = part_of(update, "file_ids")
    listed = found.split(",") if isinstance(found, str) else found if isinstance(found, list) else []
    ids = [one for one in listed if isinstance(one, str) and one.isalnum() and one.isascii()]
    return ids[:MAX_ATTACHMENTS]
