"""The WhatsApp channel, which uses Meta's Cloud API. See `docs/channels/whatsapp.md`."""

import logging
from collections.abc import Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.routing import BaseRoute

from manent.channels.inbox import Inbox
from manent.channels.media import UNKNOWN, File, Media
from manent.channels.messenger import (
    ATTACHMENT,
    CONTACT,
    REACTION,
    Incoming,
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
from manent.channels.meta import MetaChannel
from manent.channels.texts import line_of, numbered, shorten, split_text
from manent.core.events import BotUttered, Json
from manent.core.postbox import Route
from manent.extensions.options import Secret
from manent.runtime.choices import buttons_of, payload_of, short_payload

log = logging.getLogger("manent.channels")

MAX_TEXT: Final = 4096
MAX_BODY: Final = 1024
"""Maximum number of characters of a text, and of the body of a message with buttons or a list."""

MAX_REPLY_BUTTONS: Final = 3
MAX_REPLY_TITLE: Final = 20
MAX_REPLY_ID: Final = 256
MAX_ROWS: Final = 10
MAX_ROW_TITLE: Final = 24
MAX_ROW_TEXT: Final = 72
MAX_ROW_ID: Final = 200

_LATER: Final = frozenset({"1", "2", "4", "190", "80007", "130429", "131000", "131016", "131048", "131056", "131057"})
"""WhatsApp's error codes after which a message is sent again: rate limits, outages, and invalid tokens."""

_MARK: Final = "\u200b"
"""A zero-width space. It separates the payload of a button from the number that makes the button's id unique."""

_MEDIA: Final = ("image", "audio", "video", "document", "sticker")


class WhatsAppOptions(MessengerOptions, frozen=True, kw_only=True):
    """The `whatsapp:` section of `credentials.yml`.

    Attributes:
        phone_number_id: id of the phone number from which the bot sends messages.
        access_token: token of a system user with the permission `whatsapp_business_messaging`.
        app_secret: the app's secret, with which Meta signs webhooks.
        verify: any text; enter the same text as the verify token of the webhook in Meta's app settings.
        api_version: version of Meta's Graph API.
        api_url: base URL of the Graph API.
    """

    phone_number_id: str
    access_token: Secret
    app_secret: Secret
    verify: Secret
    api_version: str = "v21.0"
    api_url: str = "https://graph.facebook.com"


class WhatsAppChannel(MetaChannel):
    """`GET` and `POST /webhooks/whatsapp/webhook`. Implements `Channel` and `Messenger`."""

    name = "whatsapp"
    options = WhatsAppOptions
    max_buttons = MAX_ROWS
    shown_card_buttons = MAX_ROWS

    def __init__(self, options: WhatsAppOptions) -> None:
        super().__init__(
            secret=options.app_secret,
            verify=options.verify,
            access_token=options.access_token,
            base=f"{options.api_url.rstrip('/')}/{options.api_version}",
            later=_LATER,
        )
        self._options = options
        self._media = Media(self.name, options.app_secret, self.api, self._locate)

    def routes(self, inbox: Inbox) -> list[BaseRoute]:
        """See `Channel.routes`."""
        return [*super().routes(inbox), self._media.route()]

    async def _locate(self, media_id: str) -> File:
        """Return the address of a file. WhatsApp's addresses are valid for five minutes and need the token."""
        found = await self.call("GET", media_id)
        mime = text_of(found, "mime_type") or UNKNOWN
        headers = {"Authorization": f"Bearer {self._options.access_token}"}
        return File(url=text_of(found, "url"), mime=mime, headers=headers)

    async def read(self, request: Request, body: bytes) -> Update:
        """See `MessengerChannel.read`."""
        del request
        update = read_object(body)
        values = [change.get("value") for entry in items_of(update, "entry") for change in items_of(entry, "changes")]
        incoming = [self._incoming(message, value) for value in values for message in items_of(value, "messages")]
        statuses = [status for value in values for status in items_of(value, "statuses")]
        for status in statuses:
            await self._note_status(status)
        unsupported = incoming.count(None) if incoming or statuses else 1
        return Update(
            messages=[one for one in incoming if one is not None],
            ignored=["a message or a change of an unsupported kind"] * unsupported,
        )

    async def _note_status(self, status: dict[str, Any]) -> None:
        """Record a message that was accepted and could not be delivered, for example after the 24 hours."""
        if status.get("status") != "failed":
            return
        self.counts.failed += 1
        error, visitor = part_of(status, "errors", 0), text_of(status, "recipient_id")
        reason = f"error {text_of(error, 'code')}: {text_of(error, 'title')}"
        await self.inbox.not_delivered(visitor, text_of(status, "biz_opaque_callback_data"), reason)
        log.warning(
            "WhatsApp could not deliver a message that it had accepted",
            extra={
                "sender_id": visitor,
                "code": text_of(error, "code"),
                "error": text_of(error, "title")[:300],
            },
        )

    def _incoming(self, message: dict[str, Any], value: Any) -> Incoming | None:
        """Convert a message. Return None if its type is not supported."""
        address, message_id, kind = text_of(message, "from"), text_of(message, "id"), text_of(message, "type")
        metadata: Json = {"whatsapp": {"name": text_of(value, "contacts", 0, "profile", "name"), "type": kind}}
        title = None
        if kind == "text":
            text = text_of(message, "text", "body")
        elif kind == "interactive":
            reply = part_of(message, "interactive", text_of(message, "interactive", "type"))
            text, title = text_of(reply, "id").partition(_MARK)[0], text_of(reply, "title")
        elif kind == "button":
            text, title = text_of(message, "button", "payload"), text_of(message, "button", "text")
            text = text or title
        elif kind in _MEDIA:
            media = part_of(message, kind)
            metadata["attachments"] = [self._attachment(kind, media)]
            text = text_of(media, "caption") or ATTACHMENT
        elif kind == "location":
            place = part_of(message, "location")
            metadata["location"] = place
            text = location_text(part_of(place, "longitude"), part_of(place, "latitude"))
        elif kind == "contacts":
            metadata["contacts"] = message.get("contacts")
            text = CONTACT
        elif kind == "reaction":
            metadata["reaction"] = message.get("reaction")
            text = REACTION
        else:
            return None
        if not address or not message_id or not text:
            return None
        return Incoming(
            address=address,
            text=text,
            title=title or None,
            message_id=message_id,
            metadata=metadata,
            reference={"message_id": message_id},
        )

    def _attachment(self, kind: str, media: Any) -> Json:
        media_id = text_of(media, "id")
        return {
            "type": kind,
            "id": media_id,
            "url": self._media.url(media_id) if media_id else None,
            "name": part_of(media, "filename"),
            "mime": part_of(media, "mime_type"),
            "size": None,
        }

    def shown(self, event: BotUttered) -> Sequence[Json]:
        """Return a message object without its recipient for each part. See `MessengerChannel.shown`."""
        data = event.data
        buttons = buttons_of(event)
        if len(buttons) > MAX_ROWS:
            parts = _with_buttons(numbered(event.text or "", buttons), ())
        else:
            parts = _with_buttons(event.text or "", buttons)
        if image := data.get("image"):
            parts.append({"type": "image", "image": {"link": str(image)}})
        if (attachment := data.get("attachment")) and attachment != image:
            url = url_of(attachment)
            parts.append({"type": "document", "document": {"link": url}} if url else _text(json_text(attachment)))
        for element in items_of(data, "elements"):
            choices = [one for one in items_of(element, "buttons") if one.get("title")][:MAX_ROWS]
            parts += _with_buttons(card_text(element), choices)
        if isinstance(custom := data.get("custom"), dict):
            parts.append(custom)
        return parts

    async def send_part(self, route: Route, part: Json, key: str) -> None:
        """See `Messenger.send_part`."""
        message: Json = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": route.address}
        # The Cloud API has no idempotency keys. It returns this field with the message's status.
        message["biz_opaque_callback_data"] = key
        await self.call("POST", f"{self._options.phone_number_id}/messages", {**message, **part})

    async def show_typing(self, route: Route) -> None:
        """See `Messenger.show_typing`. Also marks the visitor's message as read."""
        message_id = text_of(route.reference, "message_id")
        if message_id:
            shown = {"status": "read", "message_id": message_id, "typing_indicator": {"type": "text"}}
            path = f"{self._options.phone_number_id}/messages"
            await self.call("POST", path, {"messaging_product": "whatsapp", **shown})

    async def check(self) -> str:
        """Return a sentence with the phone number that WhatsApp displays.

        Raises:
            SendLater, Undeliverable: the token or the phone number's id is wrong, or the API could not be reached.
        """
        found = await self.call("GET", self._options.phone_number_id)
        return f"the number is {text_of(found, 'display_phone_number')}"


def _text(text: str) -> Json:
    return {"type": "text", "text": {"body": text}}


def _with_buttons(text: str, buttons: Sequence[dict[str, Any]]) -> list[Json]:
    """Return a text with buttons. WhatsApp's buttons only reply, so a button that opens a page becomes a line."""
    links = [one for one in buttons if one.get("url") and not one.get("payload")]
    choices = [one for one in buttons if one not in links]
    whole = "\n".join(filter(None, (text.strip(), *map(line_of, links))))
    if not choices:
        return [_text(piece) for piece in split_text(whole, MAX_TEXT)]
    pieces = split_text(whole, MAX_BODY) or ["…"]
    return [*(_text(piece) for piece in pieces[:-1]), _interactive(pieces[-1], choices)]


def _interactive(text: str, buttons: Sequence[dict[str, Any]]) -> Json:
    """Return a message with reply buttons, or with a list if there are more than three buttons."""
    if len(buttons) <= MAX_REPLY_BUTTONS:
        titles = _unique([str(button["title"]) for button in buttons], MAX_REPLY_TITLE)
        ids = _ids(buttons, MAX_REPLY_ID)
        replies = [{"id": one, "title": title} for one, title in zip(ids, titles, strict=True)]
        action: Json = {"buttons": [{"type": "reply", "reply": reply} for reply in replies]}
        return {"type": "interactive", "interactive": {"type": "button", "body": {"text": text}, "action": action}}
    titles = _unique([str(button["title"]) for button in buttons], MAX_ROW_TITLE)
    ids = _ids(buttons, MAX_ROW_ID)
    rows = [_row(*each) for each in zip(buttons, titles, ids, strict=True)]
    action = {"button": "…", "sections": [{"rows": rows}]}
    return {"type": "interactive", "interactive": {"type": "list", "body": {"text": text}, "action": action}}


def _row(button: dict[str, Any], title: str, row_id: str) -> Json:
    row: Json = {"id": row_id, "title": title}
    whole = str(button["title"])
    return row if len(whole) <= MAX_ROW_TITLE else {**row, "description": shorten(whole, MAX_ROW_TEXT)}


def _ids(buttons: Sequence[dict[str, Any]], limit: int) -> list[str]:
    """Return a unique id for each button: its payload, with a number if a previous button has the same payload."""
    found: list[str] = []
    for number, button in enumerate(buttons, 1):
        one = short_payload(payload_of(button), limit - 3)
        found.append(f"{one}{_MARK}{number}" if one in found else one)
    return found


def _unique(titles: Sequence[str], limit: int) -> list[str]:
    """Shorten titles. Add a number to a title that would occur twice, because WhatsApp rejects duplicates."""
    found: list[str] = []
    for number, title in enumerate(titles, 1):
        short = shorten(title, limit)
        found.append(f"{shorten(title, limit - 4)} {number}" if short in found else short)
    return found
