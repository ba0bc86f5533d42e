"""The Webex channel: webhooks and messages of the REST API. See `docs/channels/webexteams.md`."""

import asyncio
import html
import logging
import re
from collections.abc import Sequence
from email.message import EmailMessage
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.routing import BaseRoute

from manent.channels.inbox import Inbox
from manent.channels.media import UNKNOWN, File, Media
from manent.channels.messenger import (
    ATTACHMENT,
    MAX_ATTACHMENTS,
    SUBMITTED,
    Incoming,
    MessengerChannel,
    MessengerOptions,
    Update,
    card_text,
    is_signature,
    items_of,
    json_text,
    part_of,
    read_object,
    text_of,
    url_of,
)
from manent.channels.platform_api import Answer
from manent.channels.platform_tokens import IssuedToken
from manent.channels.texts import numbered, shorten, split_text, texts_of, utf8_bytes
from manent.core.errors import RequestError
from manent.core.events import BotUttered, Json
from manent.core.postbox import Route
from manent.extensions.options import Secret
from manent.runtime.choices import buttons_of, payload_of, short_payload
from manent.runtime.ports.channel import SendLater, Undeliverable

log = logging.getLogger("manent.channels")

MAX_TEXT: Final = 7_439
"""Bytes of a text."""

MAX_CARD_TEXT: Final = 4_000
MAX_BUTTONS: Final = 10
MAX_TITLE: Final = 100
MAX_PAYLOAD: Final = 300
"""Bytes, so that a card with a text and ten buttons is smaller than 22 KB, the limit of Webex."""

PAUSES_S: Final = (0.5, 1.0)
"""Pauses between attempts to fetch a message. Webex does not send a webhook again."""

LOOKUP_S: Final = 20.0
"""How long a webhook waits for its message."""

_CARD: Final = "application/vnd.microsoft.card.adaptive"
_MENTION: Final = re.compile(r"<spark-mention[^>]*data-object-id=\"([^\"]*)\"[^>]*>(.*?)</spark-mention>", re.DOTALL)


class WebexTeamsOptions(MessengerOptions, frozen=True, kw_only=True):
    """The `webexteams:` section of `credentials.yml`.

    Attributes:
        access_token: the bot's access token.
        secret: secret of the webhook, which signs requests.
        room: id of the room that receives all of the bot's messages. Default: the room of the visitor's message.
        split_paragraphs: whether a text is sent as several messages, one for each paragraph, as Rasa does.
        api_url: base of Webex's REST API.
    """

    access_token: Secret
    secret: Secret | None = None
    room: str | None = None
    split_paragraphs: bool = True
    api_url: str = "https://webexapis.com/v1"


class WebexTeamsChannel(MessengerChannel):
    """`POST /webhooks/webexteams/webhook`. Implements `Channel` and `Messenger`."""

    name = "webexteams"
    options = WebexTeamsOptions
    max_buttons = MAX_BUTTONS
    shown_card_buttons = MAX_BUTTONS

    def __init__(self, options: WebexTeamsOptions) -> None:
        super().__init__()
        self._options = options
        self._bot = IssuedToken(self._fetch_bot)
        self._contents = f"{options.api_url.rstrip('/')}/contents/"
        self._media = Media(self.name, options.access_token, self.api, self._locate)
        if not options.secret:
            self.notes = ("without secret, anyone can send requests to the webhook, each of which calls Webex",)

    def routes(self, inbox: Inbox) -> list[BaseRoute]:
        """See `Channel.routes`."""
        return [*super().routes(inbox), self._media.route()]

    async def _locate(self, content_id: str) -> File:
        url = f"{self._contents}{quote(content_id, safe='')}"
        found = await self.api.call("HEAD", url, headers=self._headers)
        found.check("")
        return File(url=url, headers=self._headers, mime=found.headers.get("content-type", UNKNOWN))

    async def verify(self, request: Request, body: bytes) -> None:
        """See `MessengerChannel.verify`."""
        secret = self._options.secret
        given = request.headers.get("x-spark-signature", "")
        if secret and not is_signature(given, secret, body, algorithm="sha1"):
            self.refuse("the signature is missing or wrong")

    async def read(self, request: Request, body: bytes) -> Update:
        """See `MessengerChannel.read`. A webhook contains the id of a message, which is fetched."""
        del request
        update = read_object(body)
        kind = text_of(update, "resource"), text_of(update, "event")
        incoming = None
        if kind in (("messages", "created"), ("messages", "updated")):
            incoming = await self._message(text_of(update, "data", "id"), is_edited=kind[1] == "updated")
        elif kind == ("attachmentActions", "created"):
            incoming = await self._submitted(text_of(update, "data", "id"))
        if incoming is None:
            return Update(ignored=[f"a webhook for {kind[0][:50]} {kind[1][:50]}, or a message of the bot itself"])
        return Update(messages=[incoming])

    async def _message(self, message_id: str, *, is_edited: bool) -> Incoming | None:
        """Fetch a message. None: it is the bot's, it was deleted, or it has no text and no files."""
        found = await self._lookup("messages", message_id)
        bot_id = text_of(found, "id") and await self._bot_id()
        if not bot_id or text_of(found, "personId") == bot_id:
            return None
        metadata = _metadata(found)
        urls = part_of(found, "files")
        if isinstance(urls, list) and urls:
            files = [url for url in urls if isinstance(url, str)][:MAX_ATTACHMENTS]
            metadata["attachments"] = await asyncio.gather(*map(self._attachment, files))
        text = _without_mention(text_of(found, "text"), text_of(found, "html"), bot_id)
        text = text or (ATTACHMENT if "attachments" in metadata else "")
        if is_edited:
            metadata["edited"] = True
            message_id += f":{text_of(found, 'updated')}"  # an edit has the id of the message
        return _incoming(found, text, message_id, metadata)

    async def _submitted(self, action_id: str) -> Incoming | None:
        """Fetch the values of a submitted card. The `payload` or `text` of a button is the text."""
        found = await self._lookup("attachment/actions", action_id)
        metadata = _metadata(found)
        metadata["webexteams"]["inputs"] = part_of(found, "inputs")
        text = text_of(found, "inputs", "payload") or text_of(found, "inputs", "text") or SUBMITTED
        return _incoming(found, text, action_id, metadata, title=text_of(found, "inputs", "title") or None)

    async def _lookup(self, path: str, found_id: str) -> dict[str, Any]:
        """Fetch an object with an id of a webhook. {}: it does not exist.

        Raises:
            RequestError: 503: Webex did not answer.
        """
        if not found_id or len(found_id) > 500:  # noqa: PLR2004  # Webex's ids have about 80 characters
            return {}
        try:
            async with asyncio.timeout(LOOKUP_S):
                return await self._until_found(f"{path}/{quote(found_id, safe='')}")
        except (SendLater, TimeoutError) as error:
            extra = {"channel": self.name, "id": found_id, "error": str(error)}
            log.warning("could not fetch the message of a webhook; Webex may not send it again", extra=extra)
            raise RequestError("platform_unavailable", "Webex did not answer; try again later", status=503) from error
        except Undeliverable:
            return {}

    async def _until_found(self, path: str) -> dict[str, Any]:
        for pause_s in PAUSES_S:
            try:
                return await self._call("GET", path)
            except SendLater as error:
                await asyncio.sleep(error.retry_after if error.retry_after is not None else pause_s)
        return await self._call("GET", path)

    async def _bot_id(self) -> str:
        try:
            return await self._bot.get()
        except (SendLater, Undeliverable) as error:
            message = "Webex did not answer who the bot is; try again later"
            raise RequestError("platform_unavailable", message, status=503) from error

    async def _fetch_bot(self) -> tuple[str, float]:
        return text_of(await self._call("GET", "people/me"), "id"), float("inf")

    async def _attachment(self, url: str) -> Json:
        """Return what Webex says about a file. The token is sent to Webex's own addresses only."""
        found = Answer(0, {}, b"")
        content_id = url.removeprefix(self._contents) if url.startswith(self._contents) else ""
        if content_id:
            try:
                found = await self.api.call("HEAD", url, headers=self._headers)
            except SendLater as error:
                log.info("could not look up a file", extra={"channel": self.name, "error": error.message})
        mime, size = found.headers.get("content-type", "").partition(";")[0], found.headers.get("content-length", "")
        disposition = EmailMessage()
        disposition["Content-Disposition"] = found.headers.get("content-disposition", "").replace("\n", "") or "inline"
        return {
            "type": mime.partition("/")[0] or "file",
            "id": content_id or None,
            "url": self._media.url(content_id) if content_id else url,
            "name": disposition.get_filename(),
            "mime": mime or None,
            "size": int(size) if size.isascii() and size.isdigit() else None,
        }

    def shown(self, event: BotUttered) -> Sequence[Json]:
        """See `MessengerChannel.shown`: each part is a message without its room."""
        data = event.data
        buttons = buttons_of(event)
        is_split = self._options.split_paragraphs and not buttons
        limit = MAX_CARD_TEXT if 0 < len(buttons) <= MAX_BUTTONS else MAX_TEXT
        texts = texts_of(event, limit, split_paragraphs=is_split, measure=utf8_bytes)
        if len(buttons) > MAX_BUTTONS:
            texts, buttons = split_text(numbered(event.text or "", buttons), MAX_TEXT, utf8_bytes), []
        parts: list[Json] = [{"text": text} for text in texts]
        if buttons:
            parts[-1:] = [_card(texts[-1] if texts else "…", buttons)]
        if image := data.get("image"):
            parts.append({"files": [str(image)]})
        if (attachment := data.get("attachment")) and attachment != image:
            url = url_of(attachment)
            is_file = url.startswith(("http://", "https://"))
            parts.append({"files": [url]} if is_file else {"text": shorten(url or json_text(attachment), 1_000)})
        for element in items_of(data, "elements"):
            choices = [one for one in items_of(element, "buttons") if one.get("title")][:MAX_BUTTONS]
            parts.append(_card(shorten(card_text(element), 1_000), choices, image=text_of(element, "image_url")))
        if isinstance(custom := data.get("custom"), dict):
            parts.append(custom)
        return parts

    async def send_part(self, route: Route, part: Json, key: str) -> None:
        """See `Messenger.send_part`."""
        del key  # the API has no idempotency keys
        await self._call("POST", "messages", {"roomId": self._options.room or route.address, **part})

    async def check(self) -> str:
        """Return the name of the bot.

        Raises:
            SendLater, Undeliverable: the token is wrong, or Webex could not be reached.
        """
        return f"the bot is {text_of(await self._call('GET', 'people/me'), 'displayName')}"

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._options.access_token}"}

    async def _call(self, method: str, path: str, body: Json | None = None) -> dict[str, Any]:
        url = f"{self._options.api_url.rstrip('/')}/{path}"
        answer = await self.api.call(method, url, json=body, headers=self._headers)
        answer.check(text_of(answer.json, "message"))
        return answer.json


def _metadata(found: dict[str, Any]) -> Json:
    names = ("personId", "personEmail", "roomType", "parentId", "messageId", "created")
    return {"webexteams": {name: found[name] for name in names if name in found}}


def _incoming(
    found: dict[str, Any], text: str, message_id: str, metadata: Json, *, title: str | None = None
) -> Incoming | None:
    room = text_of(found, "roomId")
    if not room or not text or not message_id:
        return None
    return Incoming(address=room, text=text, title=title, message_id=message_id, metadata=metadata)


def _without_mention(text: str, markup: str, bot_id: str) -> str:
    """Return a text without the name of the bot, which people must write in a group. The markup has the mentions."""
    for person, name in _MENTION.findall(markup):
        if person == bot_id:
            text = text.replace(html.unescape(name), "", 1)
    return text.strip()


def _card(text: str, buttons: Sequence[dict[str, Any]], *, image: str = "") -> Json:
    """Return a message with a card. Its text is for clients that do not show cards."""
    body: list[Json] = [{"type": "Image", "url": image}] if image else []
    body.append({"type": "TextBlock", "text": text, "wrap": True})
    content: Json = {
        "type": "AdaptiveCard",
        "version": "1.3",
        "body": body,
        "actions": [_action(one) for one in buttons],
    }
    return {"text": text, "attachments": [{"contentType": _CARD, "content": content}]}


def _action(button: dict[str, Any]) -> Json:
    title = shorten(str(button["title"]), MAX_TITLE)
    if (url := button.get("url")) and not button.get("payload"):
        return {"type": "Action.OpenUrl", "title": title, "url": str(url)}
    data = {"payload": short_payload(payload_of(button), MAX_PAYLOAD), "title": title}
    return {"type": "Action.Submit", "title": title, "data": data}
