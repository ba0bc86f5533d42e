"""The Bot Framework channel, for Microsoft Teams. See `docs/channels/botframework.md`."""

import html
import re
from collections.abc import Sequence
from typing import Any, Final

from starlette.requests import Request

from manent.channels.inbox import bearer_token
from manent.channels.messenger import (
    ATTACHMENT,
    MAX_ATTACHMENTS,
    REACTION,
    SUBMITTED,
    Incoming,
    MessengerChannel,
    MessengerOptions,
    Update,
    card_text,
    items_of,
    json_text,
    part_of,
    read_object,
    text_of,
    url_of,
)
from manent.channels.platform_tokens import InvalidToken, IssuedToken, PlatformKeys
from manent.channels.texts import numbered, shorten, split_text, texts_of, utf16_units
from manent.core.events import BotUttered, Json
from manent.core.postbox import Route
from manent.extensions.options import Secret
from manent.runtime.choices import buttons_of, payload_of, short_payload
from manent.runtime.ports.channel import SendLater, Undeliverable

ISSUER: Final = "https://api.botframework.com"
SCOPE: Final = "https://api.botframework.com/.default"

MAX_TEXT: Final = 9_000
"""UTF-16 code units of a text. Teams takes activities of 40 KB in UTF-16, and JSON escapes double some characters."""

MAX_BUTTONS: Final = 6
"""Buttons of a hero card in Teams."""

MAX_TITLE: Final = 100
MAX_PAYLOAD: Final = 500

_HERO: Final = "application/vnd.microsoft.card.hero"
_MENTION: Final = re.compile(r"<at[^>]*>(.*?)</at>\s*", re.DOTALL)


class BotFrameworkOptions(MessengerOptions, frozen=True, kw_only=True):
    """The `botframework:` section of `credentials.yml`.

    Attributes:
        app_id: the bot's Microsoft App ID.
        app_password: a client secret of the app.
        tenant_id: tenant of the app, if the bot's type is "single tenant".
        welcome: text of the message that is processed when someone adds the bot, for example `/greet`. Default: none.
        split_paragraphs: whether a text is sent as several messages, one for each paragraph, as Rasa does.
        openid_url: OpenID configuration of the service, which names the keys of its tokens.
        login_url: base of the service that issues the bot's tokens.
    """

    app_id: str
    app_password: Secret
    tenant_id: str = "botframework.com"
    welcome: str = ""
    split_paragraphs: bool = True
    openid_url: str = "https://login.botframework.com/v1/.well-known/openidconfiguration"
    login_url: str = "https://login.microsoftonline.com"


class BotFrameworkChannel(MessengerChannel):
    """`POST /webhooks/botframework/webhook`. Implements `Channel` and `Messenger`."""

    name = "botframework"
    options = BotFrameworkOptions
    max_buttons = MAX_BUTTONS
    shown_card_buttons = MAX_BUTTONS

    def __init__(self, options: BotFrameworkOptions) -> None:
        super().__init__()
        self._options = options
        self._keys = PlatformKeys(self.api, self._find_keys)
        self._token = IssuedToken(self._fetch_token)

    async def _find_keys(self) -> str:
        answer = await self.api.call("GET", self._options.openid_url)
        url = text_of(answer.json, "jwks_uri")
        if not url:
            raise SendLater(f"{self._options.openid_url} answered with the status {answer.status}, without jwks_uri")
        return url

    async def _fetch_token(self) -> tuple[str, float]:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._options.app_id,
            "client_secret": self._options.app_password,
            "scope": SCOPE,
        }
        url = f"{self._options.login_url.rstrip('/')}/{self._options.tenant_id}/oauth2/v2.0/token"
        answer = await self.api.call("POST", url, form=form)
        token = text_of(answer.json, "access_token")
        if not token:
            reason = text_of(answer.json, "error_description")[:200] or f"status {answer.status}"
            raise SendLater(f"Microsoft issued no token for the bot: {reason}")
        lifetime_s = part_of(answer.json, "expires_in")
        return token, float(lifetime_s) if isinstance(lifetime_s, int | float) else 0.0

    async def verify(self, request: Request, body: bytes) -> None:
        """See `MessengerChannel.verify`. The token names the service that the activity must come from."""
        try:
            claims, key = await self._keys.claims_of(
                bearer_token(request) or "", issuer=ISSUER, audience=self._options.app_id
            )
        except InvalidToken as error:
            self.refuse(str(error))
        activity = read_object(body)
        service_url = text_of(activity, "serviceUrl")
        if not service_url or text_of(claims, "serviceurl").rstrip("/") != service_url.rstrip("/"):
            self.refuse("the token is for another serviceUrl")
        endorsements = key.document.get("endorsements")
        if not isinstance(endorsements, list) or text_of(activity, "channelId") not in endorsements:
            self.refuse("the token's signing key is not endorsed for this channelId")

    async def read(self, request: Request, body: bytes) -> Update:
        """See `MessengerChannel.read`."""
        del request
        activity = read_object(body)
        incoming = self.incoming(activity)
        if incoming is None:
            return Update(ignored=[f"an activity of the type {text_of(activity, 'type')[:50]}"])
        return Update(messages=[incoming])

    def incoming(self, activity: dict[str, Any]) -> Incoming | None:
        """Convert an activity to a message. None: its kind is not supported."""
        address, activity_id = text_of(activity, "from", "id"), text_of(activity, "id")
        kind, conversation = text_of(activity, "type"), text_of(activity, "conversation", "id")
        if not address or not activity_id or not conversation or address == text_of(activity, "recipient", "id"):
            return None
        names = ("channelId", "conversation", "from", "locale", "channelData", "entities")
        metadata: Json = {"botframework": {name: activity[name] for name in names if activity.get(name)}}
        title = None
        if kind == "message":
            text, title = _text(activity, metadata)
        elif kind == "messageUpdate" and text_of(activity, "channelData", "eventType") == "editMessage":
            text, title = _text(activity, metadata)
            metadata["edited"] = True
            activity_id += f":{text_of(activity, 'timestamp')}"  # an edit has the id of the message
        elif kind == "messageReaction" and items_of(activity, "reactionsAdded"):
            metadata["reaction"] = {"added": activity["reactionsAdded"], "message": activity.get("replyToId")}
            text = REACTION
        elif kind == "conversationUpdate" and _is_added(activity):
            text = self._options.welcome
        else:
            return None
        reference: Json = {
            "service_url": text_of(activity, "serviceUrl"),
            "conversation": conversation,
            "bot": part_of(activity, "recipient"),
            "user": part_of(activity, "from"),
        }
        if not text:
            return None
        return Incoming(
            address=address, text=text, title=title, message_id=activity_id, metadata=metadata, reference=reference
        )

    def shown(self, event: BotUttered) -> Sequence[Json]:
        """See `MessengerChannel.shown`: each part is an activity without its sender and recipient."""
        data = event.data
        buttons = buttons_of(event)
        is_split = self._options.split_paragraphs and not buttons
        texts = texts_of(event, MAX_TEXT, split_paragraphs=is_split, measure=utf16_units)
        if len(buttons) > MAX_BUTTONS:
            texts, buttons = split_text(numbered(event.text or "", buttons), MAX_TEXT, utf16_units), []
        parts: list[Json] = [{"text": text} for text in texts]
        if buttons:
            parts[-1:] = [_card(texts[-1] if texts else "", buttons)]
        if image := data.get("image"):
            parts.append({"attachments": [{"contentType": "image/png", "contentUrl": str(image), "name": "image"}]})
        if (attachment := data.get("attachment")) and attachment != image:
            parts.append({"text": url_of(attachment) or shorten(json_text(attachment), MAX_TEXT)})
        for element in items_of(data, "elements"):
            choices = [one for one in items_of(element, "buttons") if one.get("title")][:MAX_BUTTONS]
            card = _card(shorten(card_text(element), MAX_TEXT), choices)
            if url := text_of(element, "image_url"):
                card["attachments"][0]["content"]["images"] = [{"url": url}]
            parts.append(card)
        if isinstance(custom := data.get("custom"), dict):
            parts.append(custom)
        return parts

    async def send_part(self, route: Route, part: Json, key: str) -> None:
        """See `Messenger.send_part`."""
        del key  # the connector has no idempotency keys
        await self._post(route, {"type": "message", "channelData": {"notification": {"alert": True}}, **part})

    async def show_typing(self, route: Route) -> None:
        """See `Messenger.show_typing`."""
        await self._post(route, {"type": "typing"})

    async def check(self) -> str:
        """Request a token, which shows that the app and its password are right.

        Raises:
            SendLater: the login service refused the app, or could not be reached.
        """
        await self._token.get()
        return f"the login service accepts the app {self._options.app_id}"

    async def _post(self, route: Route, activity: Json) -> None:
        reference = route.reference
        service_url, conversation = text_of(reference, "service_url"), text_of(reference, "conversation")
        if not service_url or not conversation:
            raise Undeliverable("the visitor has not written over this channel yet, so its address is unknown")
        token = await self._token.get()
        answer = await self.api.call(
            "POST",
            f"{service_url.rstrip('/')}/v3/conversations/{conversation}/activities",
            json={**activity, "from": reference.get("bot"), "recipient": reference.get("user")},
            headers={"Authorization": f"Bearer {token}"},
        )
        if answer.status == 401:  # noqa: PLR2004  # the token was revoked
            self._token.forget(token)
        error = part_of(answer.json, "error")
        answer.check(" ".join(filter(None, (text_of(error, "code"), text_of(error, "message")))))


def _text(activity: dict[str, Any], metadata: Json) -> tuple[str, str | None]:
    """Return text and title of a message. "": it has nothing that the bot can answer.

    A submitted card has a value and no text. The value's `payload` or `text` is the text, as for other buttons.
    """
    attachments = [one for one in items_of(activity, "attachments") if one.get("contentType") != "text/html"]
    if attachments:
        metadata["attachments"] = [_attachment(one) for one in attachments[:MAX_ATTACHMENTS]]
    value = activity.get("value")
    if value is not None:
        metadata["botframework"]["value"] = value
    text, title = text_of(activity, "text"), text_of(value, "title") or None
    bot = text_of(activity, "recipient", "id")
    for mention in items_of(activity, "entities"):
        if text_of(mention, "type") == "mention" and text_of(mention, "mentioned", "id") == bot:
            text = text.replace(text_of(mention, "text"), "")
    text = _MENTION.sub(lambda found: html.unescape(found[1]) + " ", text).strip()
    if not text and value is not None:
        text = value if isinstance(value, str) else text_of(value, "payload") or text_of(value, "text") or SUBMITTED
    return text or (ATTACHMENT if attachments else ""), title


def _is_added(activity: dict[str, Any]) -> bool:
    """Return whether the bot itself was added to a conversation."""
    bot = text_of(activity, "recipient", "id")
    return any(text_of(member, "id") == bot for member in items_of(activity, "membersAdded"))


def _attachment(found: dict[str, Any]) -> Json:
    mime = text_of(found, "contentType")
    return {
        "type": mime.partition("/")[0] if "/vnd." not in mime else "file",
        "url": text_of(found, "content", "downloadUrl") or found.get("contentUrl"),
        "name": found.get("name"),
        "mime": mime or None,
        "size": None,
    }


def _card(text: str, buttons: Sequence[dict[str, Any]]) -> Json:
    content: Json = {"text": text, "buttons": [_button(one) for one in buttons]}
    return {"attachments": [{"contentType": _HERO, "content": content}]}


def _button(button: dict[str, Any]) -> Json:
    title = shorten(str(button["title"]), MAX_TITLE)
    if (url := button.get("url")) and not button.get("payload"):
        return {"type": "openUrl", "title": title, "value": str(url)}
    payload = short_payload(payload_of(button), MAX_PAYLOAD)
    return {"type": "messageBack", "title": title, "displayText": title, "text": payload, "value": {"title": title}}
