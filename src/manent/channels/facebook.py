"""The channels Facebook Messenger and Instagram: webhooks of Meta in, the Send API out.

See `docs/channels/facebook.md` and `docs/channels/instagram.md`. Both platforms have one API; the differences are
attributes of the two classes.
"""

from collections.abc import Sequence
from typing import Any, Final

from starlette.requests import Request

from manent.channels.messenger import (
    ATTACHMENT,
    MAX_ATTACHMENTS,
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
from manent.channels.texts import Measure, numbered, shorten, split_text, texts_of, utf8_bytes
from manent.core.events import BotUttered, Json
from manent.core.postbox import Route
from manent.extensions.options import Secret
from manent.runtime.choices import buttons_of, payload_of, short_payload

MAX_TEMPLATE_TEXT: Final = 640
MAX_TEMPLATE_BUTTONS: Final = 3
MAX_QUICK_REPLIES: Final = 13
MAX_TITLE: Final = 20
"""Characters of the title of a button or a quick reply."""

MAX_PAYLOAD: Final = 1000
MAX_ELEMENTS: Final = 10
MAX_ELEMENT_TITLE: Final = 80

_LATER: Final = frozenset({"1", "2", "4", "17", "32", "190", "613", "1200", "80002", "80006"})
"""Error codes after which a message is sent again: rate limits, outages, and tokens that must be replaced."""

_FILES: Final = ("image", "audio", "video", "file")
_ELEMENT_KEYS: Final = ("image_url", "default_action")


class FacebookOptions(MessengerOptions, frozen=True, kw_only=True, rename={"page_access_token": "page-access-token"}):
    """The `facebook:` and `instagram:` sections of `credentials.yml`.

    Attributes:
        verify: text of your choice that you also enter as the verify token of the webhook.
        secret: the app's secret, which signs webhooks.
        page_access_token: token of the Facebook page, or of the page that the Instagram account is connected to.
        split_paragraphs: whether a text is sent as several messages, one for each paragraph, as Rasa does.
        api_version: version of the Graph API.
        api_url: base of the Graph API.
    """

    verify: Secret
    secret: Secret
    page_access_token: Secret
    split_paragraphs: bool = True
    api_version: str = "v21.0"
    api_url: str = "https://graph.facebook.com"


class FacebookChannel(MetaChannel):
    """`GET` and `POST /webhooks/facebook/webhook`. Implements `Channel` and `Messenger`.

    Attributes:
        webhook_object: the `object` of the platform's webhooks.
        max_text: length of a text, as `measure` counts it.
    """

    name = "facebook"
    options = FacebookOptions
    max_buttons = MAX_QUICK_REPLIES
    webhook_object = "page"
    max_text = 2000
    measure: Measure = staticmethod(len)

    def __init__(self, options: FacebookOptions) -> None:
        super().__init__(
            secret=options.secret,
            verify=options.verify,
            access_token=options.page_access_token,
            base=f"{options.api_url.rstrip('/')}/{options.api_version}",
            later=_LATER,
        )
        self._options = options

    async def read(self, request: Request, body: bytes) -> Update:
        """See `MessengerChannel.read`. A request can have several entries, each with several messages."""
        del request
        update = read_object(body)
        if update.get("object") != self.webhook_object:
            return Update(ignored=[f"a webhook of the object {text_of(update, 'object')[:50]}"])
        items = [item for entry in items_of(update, "entry") for item in items_of(entry, "messaging")]
        incoming = [self._incoming(item) for item in items]
        unsupported = incoming.count(None) if incoming else 1
        return Update(
            messages=[one for one in incoming if one is not None],
            ignored=["an event of an unsupported kind, or an echo of a message of the page"] * unsupported,
        )

    def _incoming(self, item: dict[str, Any]) -> Incoming | None:
        """Convert an item of a webhook. None: its kind is not supported."""
        address, moment = text_of(item, "sender", "id"), text_of(item, "timestamp")
        metadata: Json = {self.name: {"page": text_of(item, "recipient", "id")}}
        title = None
        if isinstance(message := item.get("message"), dict):
            message_id = text_of(message, "mid")
            text = "" if message.get("is_echo") or message.get("is_deleted") else _text(message, metadata)
            if payload := text_of(message, "quick_reply", "payload"):
                text, title = payload, text_of(message, "text")
        elif isinstance(postback := item.get("postback"), dict):
            text, title = text_of(postback, "payload"), text_of(postback, "title")
            message_id = text_of(postback, "mid") or (moment and f"{moment}:{text}")
            if referral := postback.get("referral"):
                metadata["referral"] = referral
        elif isinstance(edit := item.get("message_edit"), dict):
            text, message_id = text_of(edit, "text"), f"{text_of(edit, 'mid')}:{text_of(edit, 'num_edit')}"
            metadata["edited"] = True
        elif isinstance(reaction := item.get("reaction"), dict):
            text, message_id = REACTION, f"{text_of(reaction, 'mid')}:{moment}"
            metadata["reaction"] = reaction
        else:
            return None
        if not address or not message_id or not text:
            return None
        return Incoming(address=address, text=text, title=title or None, message_id=message_id, metadata=metadata)

    def shown(self, event: BotUttered) -> Sequence[Json]:
        """See `MessengerChannel.shown`: each part is a message object of the Send API."""
        data = event.data
        buttons = buttons_of(event)
        parts: list[Json] = self._with_buttons(event, buttons) if buttons else self._texts(event)
        if image := data.get("image"):
            parts.append(_file("image", str(image)))
        if (attachment := data.get("attachment")) and attachment != image:
            kind, url = text_of(attachment, "type"), url_of(attachment)
            parts.append(_file(kind if kind in _FILES else "file", url) if url else {"text": json_text(attachment)})
        parts += _cards(items_of(data, "elements"))
        custom = data.get("custom")
        if isinstance(custom, dict):
            parts.append({name: value for name, value in custom.items() if name != "sender"})
        return parts

    def _texts(self, event: BotUttered) -> list[Json]:
        split_paragraphs = self._options.split_paragraphs
        texts = texts_of(event, self.max_text, split_paragraphs=split_paragraphs, measure=self.measure)
        return [{"text": text} for text in texts]

    def _with_buttons(self, event: BotUttered, buttons: Sequence[dict[str, Any]]) -> list[Json]:
        """Return a text with buttons: as a template, as quick replies, or as numbered lines."""
        if len(buttons) > MAX_QUICK_REPLIES:
            texts = split_text(numbered(event.text or "", buttons), self.max_text, self.measure)
            return [{"text": text} for text in texts]
        made = [_button(button) for button in buttons]
        wants_replies = bool(event.data.get("quick_replies")) or len(made) > MAX_TEMPLATE_BUTTONS
        if wants_replies and all(one["type"] == "postback" for one in made):
            texts = texts_of(event, self.max_text, split_paragraphs=False, measure=self.measure) or ["…"]
            replies = [{"content_type": "text", "title": one["title"], "payload": one["payload"]} for one in made]
            return [*({"text": text} for text in texts[:-1]), {"text": texts[-1], "quick_replies": replies}]
        texts = texts_of(event, MAX_TEMPLATE_TEXT, split_paragraphs=False, measure=self.measure) or ["…"]
        return [*({"text": text} for text in texts[:-1]), *_templates(texts[-1], made)]

    async def send_part(self, route: Route, part: Json, key: str) -> None:
        """See `Messenger.send_part`."""
        del key  # the Send API has no idempotency keys
        recipient = {"id": route.address}
        await self.call("POST", "me/messages", {"messaging_type": "RESPONSE", "recipient": recipient, "message": part})

    async def show_typing(self, route: Route) -> None:
        """See `Messenger.show_typing`. Also marks the visitor's message as read."""
        for action in ("mark_seen", "typing_on"):
            await self.call("POST", "me/messages", {"recipient": {"id": route.address}, "sender_action": action})

    async def check(self) -> str:
        """Return the name of the page.

        Raises:
            SendLater, Undeliverable: the token is wrong, or the API could not be reached.
        """
        return f"the page is {text_of(await self.call('GET', 'me'), 'name')}"


class InstagramChannel(FacebookChannel):
    """`GET` and `POST /webhooks/instagram/webhook`. Implements `Channel` and `Messenger`."""

    name = "instagram"
    webhook_object = "instagram"
    max_text = 1000
    measure = staticmethod(utf8_bytes)


def _text(message: dict[str, Any], metadata: Json) -> str:
    """Return the text of a message, and add its attachments to the metadata.

    A message that consists of an attachment has the URL as its text, as in Rasa.
    """
    found = items_of(message, "attachments")[:MAX_ATTACHMENTS]
    if replied := text_of(message, "reply_to", "mid"):
        metadata["reply_to"] = replied
    if found:
        metadata["attachments"] = [_attachment(one) for one in found]
    if text := text_of(message, "text"):
        return text
    if not found:
        return ""
    place = part_of(found[0], "payload", "coordinates")
    if isinstance(place, dict):
        metadata["location"] = place
        return location_text(place.get("long"), place.get("lat"))
    return text_of(found[0], "payload", "url") or ATTACHMENT


def _attachment(found: dict[str, Any]) -> Json:
    return {
        "type": text_of(found, "type") or "file",
        "url": part_of(found, "payload", "url") or found.get("url"),
        "name": part_of(found, "payload", "title") or found.get("title"),
        "mime": None,
        "size": None,
    }


def _button(button: dict[str, Any]) -> Json:
    """Return a button of a template. A button is a postback unless it has another `type`, or only a URL."""
    kind = button.get("type") or ("web_url" if button.get("url") and not button.get("payload") else "postback")
    made: Json = {"type": kind, "title": shorten(str(button["title"]), MAX_TITLE)}
    if kind == "web_url":
        return {**made, "url": button.get("url")}
    if kind == "postback":
        return {**made, "payload": short_payload(payload_of(button), MAX_PAYLOAD)}
    return {**made, "payload": payload_of(button)}


def _templates(text: str, buttons: Sequence[Json]) -> list[Json]:
    """Return button templates, each with up to three buttons."""
    found = []
    for start in range(0, len(buttons), MAX_TEMPLATE_BUTTONS):
        some = list(buttons[start : start + MAX_TEMPLATE_BUTTONS])
        payload = {"template_type": "button", "text": "…" if start else text, "buttons": some}
        found.append({"attachment": {"type": "template", "payload": payload}})
    return found


def _file(kind: str, url: str) -> Json:
    return {"attachment": {"type": kind, "payload": {"url": url}}}


def _cards(elements: Sequence[dict[str, Any]]) -> list[Json]:
    """Return generic templates, each with up to ten cards, then the buttons for which a card has no room.

    Meta rejects a card that consists of a title. Such a card becomes a text.
    """
    cards, more = [], []
    for element in elements:
        card: Json = {"title": shorten(str(element.get("title") or "…"), MAX_ELEMENT_TITLE)}
        if subtitle := text_of(element, "subtitle"):
            card["subtitle"] = shorten(subtitle, MAX_ELEMENT_TITLE)
        card.update({name: element[name] for name in _ELEMENT_KEYS if element.get(name)})
        buttons = [_button(one) for one in items_of(element, "buttons") if one.get("title")]
        if buttons:
            card["buttons"] = buttons[:MAX_TEMPLATE_BUTTONS]
            more += _templates(card["title"], buttons[MAX_TEMPLATE_BUTTONS:])
        if len(card) == 1:
            more.append({"text": card_text(element)})
        else:
            cards.append(card)
    pages = [cards[start : start + MAX_ELEMENTS] for start in range(0, len(cards), MAX_ELEMENTS)]
    payloads = [{"template_type": "generic", "elements": page} for page in pages]
    return [*({"attachment": {"type": "template", "payload": one}} for one in payloads), *more]
