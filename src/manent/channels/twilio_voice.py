"""The Twilio channel for phone calls: what a caller says in, TwiML out. See `docs/channels/twilio_voice.md`.

Twilio asks the webhook what to do in a call. A request is stored as for every messenger. The response waits for the
turn and reads the bot's messages from the log. A turn that takes longer is asked for again. Each response contains the
position in the log up to which the caller has heard the messages. The next request brings it back.
"""

import asyncio
import logging
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from manent.channels.inbox import Answers
from manent.channels.messenger import (
    Incoming,
    MessengerChannel,
    MessengerOptions,
    Update,
    card_text,
    form_fields,
    items_of,
)
from manent.channels.texts import split_text
from manent.channels.twilio import verify_twilio
from manent.core.events import BotUttered, Json
from manent.core.postbox import Route
from manent.extensions.options import Secret, WrongOption
from manent.runtime.choices import buttons_of

log = logging.getLogger("manent.channels")

WAIT_S: Final = 10.0
"""Time that a response waits for the turn. Twilio ends a call whose webhook does not answer within 15 s."""

MAX_WAITS: Final = 5
"""Responses that ask Twilio to come again because the turn has not ended."""

POLL_S: Final = 0.1
MAX_SAY: Final = 4096
MAX_SPOKEN: Final = 40_000
"""Bytes of text in one response. Twilio rejects a document of more than 64 kB."""

_ENDED: Final = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
_MAX_NUMBER: Final = 18
"""Digits of a number in the query."""


class TwilioVoiceOptions(MessengerOptions, frozen=True, kw_only=True):
    """The `twilio_voice:` section of `credentials.yml`.

    Attributes:
        auth_token: token of the account, which verifies webhooks. Default: none, and everyone can send webhooks.
        webhook_url: address that is entered at Twilio. Default: the address of the request, as the server sees it.
        initial_prompt: message with which a call begins, as if the caller had said it.
        assistant_voice: the voice, for example `woman` or `Polly.Joanna`.
        language: language of speech recognition and voice, for example `de-DE`. Default: Twilio's, `en-US`.
        speech_timeout: pause after which the caller has finished, in seconds, or `auto`.
        speech_model: model of the speech recognition.
        enhanced: whether the enhanced model is used. It exists only for the speech model `phone_call`.
        reprompt_fallback_phrase: text that is spoken if the caller says nothing and the bot has not spoken yet.
    """

    auth_token: Secret | None = None
    webhook_url: str | None = None
    initial_prompt: str = "hello"
    assistant_voice: str = "woman"
    language: str | None = None
    speech_timeout: int | str = 5
    speech_model: str = "default"
    enhanced: bool = False
    reprompt_fallback_phrase: str = "I did not understand that. Could you say it again?"

    def __post_init__(self) -> None:
        """Check the options.

        Raises:
            WrongOption: an address is not one, the timeout is neither a number nor `auto`, or an enhanced model does
                not exist.
        """
        super().__post_init__()
        timeout = str(self.speech_timeout)
        if timeout != "auto" and not (timeout.isascii() and timeout.isdigit() and int(timeout) > 0):
            raise WrongOption("speech_timeout", "seconds, at least 1, or auto")
        if self.enhanced and self.speech_model != "phone_call":
            raise WrongOption("enhanced", "false, or the speech_model phone_call")


class TwilioVoiceChannel(MessengerChannel):
    """`POST /webhooks/twilio_voice/webhook`. Implements `Channel` and `Messenger`."""

    name = "twilio_voice"
    options = TwilioVoiceOptions
    max_buttons = 0
    shown_custom = ()
    shows_media = False

    def __init__(self, options: TwilioVoiceOptions) -> None:
        super().__init__()
        self._options = options

    async def open(self) -> None:
        """See `Channel.open`. Warns if webhooks are not verified."""
        if self._options.auth_token is None:
            log.warning(
                "twilio_voice has no auth_token: anyone can send webhooks to it; add auth_token, as the Twilio console"
                " shows it"
            )

    async def verify(self, request: Request, body: bytes) -> None:
        """See `MessengerChannel.verify`."""
        if self._options.auth_token is not None:
            verify_twilio(self, request, body, token=self._options.auth_token, url=self._options.webhook_url)

    async def read(self, request: Request, body: bytes) -> Update:
        """See `MessengerChannel.read`. The answer is TwiML with the bot's messages."""
        form = dict(form_fields(body))
        address, call, status = form.get("From", ""), form.get("CallSid", ""), form.get("CallStatus", "")
        if not address or not call or status in _ENDED:
            what = f"the status {status[:50]} of a call" if status else "a request without From or CallSid"
            return Update(ignored=[what], answer=_document(ET.Element("Response")))
        heard, waits = _number(request, "heard"), _number(request, "wait") or 0
        text = form.get("SpeechResult") or form.get("Digits") or ""
        if heard is None and not text:
            text = self._options.initial_prompt
        if not text and not waits:
            return Update(answer=await self._repeat(address, heard))
        message_id = f"{call}:{heard or 0}"
        if text:
            metadata: Json = {self.name: {name: form[name] for name in ("CallSid", "Confidence", "To") if name in form}}
            message = Incoming(address=address, text=text, message_id=message_id, metadata=metadata)
            if not await self.accept([message]):
                return Update(answer=await self._repeat(address, heard))
        return Update(answer=await self._answer(address, heard, message_id, waits))

    async def _answer(self, address: str, heard: int | None, message_id: str, waits: int) -> Response:
        """Return what the bot answers to a message, or a request to come again."""
        found = await self._wait(address, heard, message_id)
        if found.is_finished or waits >= MAX_WAITS:
            texts = spoken(found.messages)
            if not found.is_finished:
                texts = texts or [self._options.reprompt_fallback_phrase]
            return self._say(texts, found.upto)
        response = ET.Element("Response")
        ET.SubElement(response, "Pause", length="1")
        position = "" if heard is None else f"heard={heard}&"
        ET.SubElement(response, "Redirect", method="POST").text = self._url(f"{position}wait={waits + 1}")
        return _document(response)

    async def _wait(self, address: str, heard: int | None, message_id: str) -> Answers:
        until = asyncio.get_running_loop().time() + WAIT_S
        while True:
            found = await self.inbox.answers(address, after=heard, message_id=message_id)
            if found.is_finished or asyncio.get_running_loop().time() > until:
                return found
            await asyncio.sleep(POLL_S)

    async def _repeat(self, address: str, heard: int | None) -> Response:
        """Return what a caller who said nothing hears: new messages, else the bot's last one, as in Rasa."""
        found = await self.inbox.answers(address, after=heard)
        texts = spoken(found.messages)
        if not texts:
            last = await self.inbox.answers(address, after=None)
            texts = spoken(last.messages)[-1:] or [self._options.reprompt_fallback_phrase]
        return self._say(texts, max(found.upto, heard or 0))

    def _say(self, texts: Sequence[str], heard: int) -> Response:
        """Return a document that says the texts, with pauses between them, and listens."""
        voice = {"voice": self._options.assistant_voice}
        language = {"language": self._options.language} if self._options.language else {}
        response = ET.Element("Response")
        for text in texts[:-1]:
            ET.SubElement(response, "Say", {**voice, **language}).text = text
            ET.SubElement(response, "Pause", length="1")
        listening = {
            "input": "speech",
            "action": self._url(f"heard={heard}"),
            "actionOnEmptyResult": "true",
            "speechTimeout": str(self._options.speech_timeout),
            "speechModel": self._options.speech_model,
            "enhanced": str(self._options.enhanced).lower(),
            **language,
        }
        gather = ET.SubElement(response, "Gather", listening)
        for text in texts[-1:]:
            ET.SubElement(gather, "Say", {**voice, **language}).text = text
        return _document(response)

    def _url(self, query: str) -> str:
        """Return the address of the webhook with a query: the configured one, or else relative to the request."""
        address, _, own = (self._options.webhook_url or "webhook").partition("?")
        return f"{address}?{own}&{query}" if own else f"{address}?{query}"

    def shown(self, event: BotUttered) -> Sequence[Json]:
        """See `MessengerChannel.shown`. Nothing is sent: the response to a webhook contains the bot's messages."""
        del event
        return ()

    async def send_part(self, route: Route, part: Json, key: str) -> None:
        """See `Messenger.send_part`. Never called, because there are no parts."""

    async def check(self) -> str:
        """Return where webhooks are expected. The channel does not call Twilio."""
        return f"calls are answered at {self._options.webhook_url or '/webhooks/twilio_voice/webhook'}"


def spoken(messages: Sequence[BotUttered]) -> list[str]:
    """Return the texts that are spoken for the bot's messages: texts, and titles of buttons and cards."""
    found = []
    for event in messages:
        found += (event.text or "").split("\n\n")
        found += [str(button["title"]) for button in buttons_of(event)]
        for element in items_of(event.data, "elements"):
            found += [
                card_text(element),
                *(str(one["title"]) for one in items_of(element, "buttons") if one.get("title")),
            ]
    pieces = [piece for text in found for piece in split_text(_speakable(text), MAX_SAY)]
    fitting = len(pieces)
    while sum(len(piece.encode()) for piece in pieces[:fitting]) > MAX_SPOKEN:
        fitting -= 1
    if fitting < len(pieces):
        log.warning("a call's response is too long; its end is not spoken", extra={"bytes": MAX_SPOKEN})
    return pieces[:fitting]


def _speakable(text: str) -> str:
    """Return a text without the characters that XML cannot contain."""
    return "".join(one if one.isprintable() else " " for one in text).strip()


def _number(request: Request, name: str) -> int | None:
    """Return a number of the query. None: there is none."""
    given = request.query_params.get(name, "")
    return int(given) if given.isascii() and given.isdigit() and len(given) <= _MAX_NUMBER else None


def _document(response: ET.Element) -> Response:
    return Response(ET.tostring(response, encoding="utf-8", xml_declaration=True), media_type="text/xml")
