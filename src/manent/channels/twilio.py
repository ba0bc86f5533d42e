"""The Twilio channel: SMS and WhatsApp in and out, over the Messages API. See `docs/channels/twilio.md`."""

import base64
import hashlib
import hmac
import logging
import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urljoin

import msgspec
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
    card_text,
    form_fields,
    items_of,
    json_text,
    text_of,
    url_of,
)
from manent.channels.texts import line_of, numbered, split_text, texts_of
from manent.core.events import BotUttered, Json
from manent.core.postbox import Route
from manent.core.secret_text import is_same
from manent.extensions.options import Secret
from manent.runtime.choices import buttons_of
from manent.runtime.ports.channel import SendLater

log = logging.getLogger("manent.channels")

MAX_TEXT: Final = 1600

_LATER: Final = frozenset({"20429", "21611", "63018"})
"""Error codes after which a message is sent again: rate limits and full queues."""

_FAILED: Final = ("failed", "undelivered")
_WHATSAPP: Final = "whatsapp:"


class TwilioOptions(MessengerOptions, frozen=True, kw_only=True):
    """The `twilio:` section of `credentials.yml`.

    Attributes:
        account_sid: id of the account.
        auth_token: token of the account. It also verifies webhooks.
        twilio_number: phone number that the bot writes from, for example `+15550100`.
        webhook_url: address that is entered at Twilio. Default: the address of the request, as the server sees it.
        split_paragraphs: whether a text is sent as several messages, one for each paragraph, as Rasa does.
        api_url: base of Twilio's API.
    """

    account_sid: str
    auth_token: Secret
    twilio_number: str
    webhook_url: str | None = None
    split_paragraphs: bool = True
    api_url: str = "https://api.twilio.com"


class TwilioChannel(MessengerChannel):
    """`POST /webhooks/twilio/webhook`. Implements `Channel` and `Messenger`."""

    name = "twilio"
    options = TwilioOptions
    max_buttons = 0

    def __init__(self, options: TwilioOptions) -> None:
        super().__init__()
        self._options = options
        self._media = Media(self.name, options.auth_token, self.api, self._locate)
        self._media_url = re.compile(
            rf"https://[^/]*/2010-04-01/Accounts/{re.escape(options.account_sid)}/Messages/(\w+)/Media/(\w+)"
        )

    def routes(self, inbox: Inbox) -> list[BaseRoute]:
        """See `Channel.routes`."""
        return [*super().routes(inbox), self._media.route()]

    async def _locate(self, media_id: str) -> File:
        """Ask Twilio for a file's address. Twilio redirects to a store, which must not get the credentials."""
        message, _, media = media_id.partition(".")
        url = self._url(f"Accounts/{self._options.account_sid}/Messages/{message}/Media/{media}")
        mime = text_of((await self._call("GET", f"{url}.json")), "content_type") or UNKNOWN
        answer = await self.api.call("GET", url, headers=self._headers)
        if place := answer.headers.get("location"):
            return File(url=urljoin(url, place), mime=mime)
        return File(url=url, headers=self._headers, mime=mime)

    async def verify(self, request: Request, body: bytes) -> None:
        """See `MessengerChannel.verify`."""
        verify_twilio(self, request, body, token=self._options.auth_token, url=self._options.webhook_url)

    async def read(self, request: Request, body: bytes) -> Update:
        """See `MessengerChannel.read`. The empty TwiML document makes Twilio send nothing."""
        del request
        form = dict(form_fields(body))
        answer = Response("<Response/>", media_type="text/xml")
        if status := form.get("MessageStatus"):
            self._note_status(status, form)
            return Update(ignored=[f"the status {status[:50]} of a message"], answer=answer)
        incoming = self._incoming(form)
        if incoming is None:
            return Update(ignored=["a request without From, MessageSid or content"], answer=answer)
        return Update(messages=[incoming], answer=answer)

    def _note_status(self, status: str, form: dict[str, str]) -> None:
        if status in _FAILED:
            self.counts.failed += 1
            extra = {"sender_id": form.get("To", ""), "status": status, "code": form.get("ErrorCode", "")}
            log.warning("Twilio could not deliver a message that it had accepted", extra=extra)

    def _incoming(self, form: dict[str, str]) -> Incoming | None:
        """Convert the form of a message. None: something is missing."""
        address = form.get("From", "")
        message_id = form.get("MessageSid") or form.get("SmsMessageSid") or form.get("SmsSid", "")
        text, title = form.get("Body", ""), ""
        metadata: Json = {"twilio": {name: form[name] for name in ("To", "ProfileName", "MessageType") if name in form}}
        attachments = self._attachments(form)
        if attachments:
            metadata["attachments"] = attachments
        for payload, label in (("ButtonPayload", "ButtonText"), ("ListId", "ListTitle")):
            if form.get(payload):
                text, title = form[payload], form.get(label, "")
        latitude, longitude = form.get("Latitude"), form.get("Longitude")
        if latitude and longitude:
            metadata["location"] = {
                name: form[name] for name in ("Latitude", "Longitude", "Address", "Label") if name in form
            }
            text = f"/locationData{{'Latitude': {latitude},'Longitude': {longitude}}}"  # as in Rasa
        text = text or (ATTACHMENT if attachments else "")
        if not address or not message_id or not text:
            return None
        return Incoming(address=address, text=text, title=title or None, message_id=message_id, metadata=metadata)

    def _attachments(self, form: dict[str, str]) -> list[Json]:
        found: list[Json] = []
        for number in range(MAX_ATTACHMENTS):
            url, mime = form.get(f"MediaUrl{number}"), form.get(f"MediaContentType{number}", "")
            if url:
                kind, match = mime.partition("/")[0] or "file", self._media_url.fullmatch(url)
                own = self._media.url(f"{match[1]}.{match[2]}") if match else url
                found.append({"type": kind, "url": own, "name": None, "mime": mime or None, "size": None})
        return found

    def shown(self, event: BotUttered) -> Sequence[Json]:
        """See `MessengerChannel.shown`: each part has the parameters of a message except its numbers."""
        data = event.data
        buttons = buttons_of(event)
        if buttons:
            texts = split_text(numbered(event.text or "", buttons), MAX_TEXT)
        else:
            texts = texts_of(event, MAX_TEXT, split_paragraphs=self._options.split_paragraphs)
        parts: list[Json] = [{"Body": text} for text in texts]
        if image := data.get("image"):
            parts.append({"MediaUrl": str(image)})
        if (attachment := data.get("attachment")) and attachment != image:
            url = url_of(attachment)
            parts += [{"MediaUrl": url}] if url else [{"Body": text} for text in _pieces(json_text(attachment))]
        for element in items_of(data, "elements"):
            choices = [one for one in items_of(element, "buttons") if one.get("title")]
            lines = [card_text(element), *map(line_of, choices)]
            parts += [{"Body": text} for text in _pieces("\n".join(lines))]
            if url := text_of(element, "image_url"):
                parts.append({"MediaUrl": url})
        if isinstance(custom := data.get("custom"), dict):
            parts.append({_parameter(name): _value(value) for name, value in custom.items()})
        return parts

    async def send_part(self, route: Route, part: Json, key: str) -> None:
        """See `Messenger.send_part`."""
        del key  # the Messages API has no idempotency keys
        form = {"To": route.address, **part}
        if "MessagingServiceSid" not in form:
            form.setdefault("From", self._number(str(form["To"])))
        await self._call("POST", self._url(f"Accounts/{self._options.account_sid}/Messages.json"), form)

    def _number(self, to: str) -> str:
        """Return the bot's number, with the `whatsapp:` prefix if the visitor's number has one."""
        number = self._options.twilio_number.removeprefix(_WHATSAPP)
        return f"{_WHATSAPP}{number}" if to.startswith(_WHATSAPP) else number

    async def check(self) -> str:
        """Return the name of the account.

        Raises:
            SendLater, Undeliverable: the token is wrong, or Twilio could not be reached.
        """
        found = await self._call("GET", self._url(f"Accounts/{self._options.account_sid}.json"))
        return f"the account is {text_of(found, 'friendly_name')} ({text_of(found, 'status')})"

    @property
    def _headers(self) -> dict[str, str]:
        credentials = f"{self._options.account_sid}:{self._options.auth_token}".encode()
        return {"Authorization": f"Basic {base64.b64encode(credentials).decode()}"}

    def _url(self, path: str) -> str:
        return f"{self._options.api_url.rstrip('/')}/2010-04-01/{path}"

    async def _call(self, method: str, url: str, form: Json | None = None) -> dict[str, Any]:
        answer = await self.api.call(method, url, form=form, headers=self._headers)
        code, message = text_of(answer.json, "code"), text_of(answer.json, "message")
        reason = f"error {code}: {message}" if code else message
        if code in _LATER:
            raise SendLater(reason, retry_after=answer.retry_after)
        answer.check(reason)
        return answer.json


def verify_twilio(channel: MessengerChannel, request: Request, body: bytes, *, token: str, url: str | None) -> None:
    """Reject a request without the signature of Twilio: HMAC-SHA1 of the address and the sorted fields.

    Args:
        channel: counts the rejected request.
        request: the request.
        body: its form.
        token: token of the account.
        url: address that is entered at Twilio. Its query is replaced by the query of the request. None: the address of
            the request.

    Raises:
        RequestError: `unverified`, or `bad_request`: the body is not a form.
    """
    address = str(request.url)
    if url is not None:
        query = request.url.query
        address = url.partition("?")[0] + (f"?{query}" if query else "")
    signed = address + "".join(name + value for name, value in sorted(set(form_fields(body))))
    digest = base64.b64encode(hmac.new(token.encode(), signed.encode(errors="replace"), hashlib.sha1).digest())
    if not is_same(request.headers.get("x-twilio-signature", ""), digest.decode()):
        channel.refuse("the signature is missing or wrong; webhook_url must be the address that is entered at Twilio")


def _pieces(text: str) -> list[str]:
    return split_text(text, MAX_TEXT)


def _parameter(name: str) -> str:
    """Return a parameter of the Messages API from its name in Twilio's library for Python: `media_url` → `MediaUrl`."""
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))


def _value(value: Any) -> Any:
    """Return the value of a parameter: a list gives several fields, an object is JSON."""
    if isinstance(value, bool):
        return str(value).lower()
    return msgspec.json.encode(value).decode() if isinstance(value, dict) else value
