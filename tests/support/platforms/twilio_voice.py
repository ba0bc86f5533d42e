"""Twilio's voice webhooks and TwiML, as https://www.twilio.com/docs/voice/twiml describes them.

Twilio asks the webhook what to do in a call, and the answer is TwiML. Twilio calls no other address, so this double
serves no API: it makes webhooks, and `hear` plays an answer to the caller.
"""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urljoin

from support.platforms.platform import Webhook
from support.platforms.twilio import ACCOUNT, NUMBER, TOKEN, Form, forge, malformed_forms, sign

PUBLIC_URL = "https://bot.example.com/webhooks/twilio_voice/webhook"
MAX_SAY = 4096
"""Characters of one Say (docs: Say, limits)."""

MAX_DOCUMENT = 64_000
"""Bytes of a TwiML document (docs: error 11750)."""

ATTRIBUTES = {
    "Response": "",
    "Say": "voice language loop",
    "Pause": "length",
    "Play": "loop digits",
    "Redirect": "method",
    "Hangup": "",
    "Gather": (
        "action actionOnEmptyResult bargeIn debug enhanced finishOnKey hints input language maxSpeechTime method"
        " minConfidence numDigits partialResultCallback partialResultCallbackMethod profanityFilter speechModel"
        " speechTimeout timeout"
    ),
}
"""Verb → its attributes."""

NESTED = {"Response": {"Say", "Pause", "Play", "Redirect", "Hangup", "Gather"}, "Gather": {"Say", "Pause", "Play"}}
"""Verb → verbs that it can contain."""

MODELS = ("default", "numbers_and_commands", "phone_call", "experimental_conversations", "experimental_utterances")
FLAGS = ("true", "false")


class BadTwiml(Exception):
    """Twilio cannot execute the document, and tells the caller that an application error has occurred."""


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What the caller hears, and what happens then.

    Attributes:
        texts: the texts of each Say, in order.
        gather: attributes of the Gather. None: Twilio does not listen.
        action: the address that what the caller says is posted to.
        redirect: the address that Twilio asks next. "": none.
        ends: whether the call ends after the document.
    """

    texts: Sequence[str] = ()
    gather: dict[str, str] | None = None
    action: str = ""
    redirect: str = ""
    ends: bool = False


@dataclass
class TwilioVoice:
    """One number. The visitor's id is the number of the caller (`From`).

    Attributes:
        name: name of the channel.
        webhook_url: address that is entered as the webhook of the number; signatures are made with it.
        heard: what callers heard, oldest first.
    """

    name: str = "twilio_voice"
    webhook_url: str = PUBLIC_URL
    heard: list[Heard] = field(default_factory=list)

    def credentials(self, more: str = "") -> str:
        """Return the section of `credentials.yml`. `more`: its other keys, in lines that start with two spaces."""
        return f"twilio_voice:\n  auth_token: {TOKEN}\n  webhook_url: {self.webhook_url}\n{more}"

    def hook(self, sender: str, call: str, **more: str) -> Webhook:
        """Return a webhook (docs: TwiML, Twilio's request to your application)."""
        form = {
            "AccountSid": ACCOUNT,
            "ApiVersion": "2010-04-01",
            "CallSid": f"CA{call:0>32}",
            "CallStatus": "in-progress",
            "Called": NUMBER,
            "Caller": sender,
            "CallerCountry": "US",
            "Direction": "inbound",
            "From": sender,
            "To": NUMBER,
            **more,
        }
        return sign(list(form.items()), url=self.webhook_url)

    def ring(self, sender: str, call: str) -> Webhook:
        """Return the webhook of a new call."""
        return self.hook(sender, call, CallStatus="ringing")

    def speech(self, sender: str, text: str, call: str, *, confidence: str = "0.9") -> Webhook:
        """Return the webhook of what a caller has said (docs: Gather, the action's request)."""
        return self.hook(sender, call, SpeechResult=text, Confidence=confidence, Language="en-US")

    def silence(self, sender: str, call: str) -> Webhook:
        """Return the webhook of a Gather with `actionOnEmptyResult` or a Redirect: without `SpeechResult`."""
        return self.hook(sender, call)

    def digits(self, sender: str, digits: str, call: str) -> Webhook:
        """Return the webhook of keys that a caller has pressed."""
        return self.hook(sender, call, Digits=digits, FinishedOnKey="#")

    def hung_up(self, sender: str, call: str) -> Webhook:
        """Return the status callback of a call that has ended."""
        return self.hook(sender, call, CallStatus="completed", CallDuration="12", Duration="1")

    def forged(self, hook: Webhook) -> list[Webhook]:
        """Return a webhook as others would send it."""
        return forge(hook, self.webhook_url)

    def signed(self, form: Form) -> Webhook:
        """Return a signed webhook with any form."""
        return sign(form, url=self.webhook_url)

    def malformed(self) -> list[Webhook]:
        """Return signed webhooks whose forms have wrong fields."""
        return malformed_forms(self.webhook_url)

    def hear(self, body: bytes, content_type: str) -> Heard:
        """Play the answer to a webhook to the caller.

        Raises:
            BadTwiml: Twilio rejects it.
        """
        if content_type.partition(";")[0].strip() not in ("text/xml", "application/xml", "text/html"):
            raise BadTwiml(f"12300 Invalid Content-Type: {content_type}")
        if len(body) > MAX_DOCUMENT:
            raise BadTwiml("11750 TwiML response body too large")
        try:
            root = ET.fromstring(body)  # noqa: S314  # the channel's own answer
        except ET.ParseError as error:
            raise BadTwiml(f"12100 Document parse failure: {error}") from error
        if root.tag != "Response":
            raise BadTwiml("12102 Response: the document has another root")
        _check(root)
        heard = self._play(root)
        self.heard.append(heard)
        return heard

    def _play(self, root: ET.Element) -> Heard:
        texts: list[str] = []
        for verb in root:
            if verb.tag == "Say":
                texts.append(verb.text or "")
            elif verb.tag == "Gather":
                texts += [one.text or "" for one in verb if one.tag == "Say"]
                action = urljoin(self.webhook_url, verb.get("action", ""))
                return Heard(texts=texts, gather=dict(verb.attrib), action=action)
            elif verb.tag == "Redirect":
                return Heard(texts=texts, redirect=urljoin(self.webhook_url, verb.text or ""))
            elif verb.tag == "Hangup":
                break
        return Heard(texts=texts, ends=True)


def _check(verb: ET.Element) -> None:
    """Check a verb and those in it.

    Raises:
        BadTwiml: a verb, an attribute or a value is not documented.
    """
    if verb.tag not in ATTRIBUTES:
        raise BadTwiml(f"12200 Schema validation: there is no verb {verb.tag}")
    for name, value in verb.attrib.items():
        if name not in ATTRIBUTES[verb.tag].split():
            raise BadTwiml(f"12200 Schema validation: {verb.tag} has no attribute {name}")
        if not _is_allowed(name, value):
            raise BadTwiml(f"13335 {verb.tag}: invalid {name}: {value}")
    if verb.get("enhanced") == "true" and verb.get("speechModel") != "phone_call":
        raise BadTwiml("Gather: enhanced works only with the speechModel phone_call")
    if verb.tag == "Say" and not 1 <= len((verb.text or "").strip()) <= MAX_SAY:
        raise BadTwiml("13520 Say: invalid text")
    for nested in verb:
        if nested.tag not in NESTED.get(verb.tag, set()):
            raise BadTwiml(f"12200 Schema validation: {verb.tag} cannot contain {nested.tag}")
        _check(nested)


def _is_allowed(name: str, value: str) -> bool:
    match name:
        case "input":
            return value in ("dtmf", "speech", "dtmf speech", "speech dtmf")
        case "speechTimeout":
            return value == "auto" or (value.isdigit() and int(value) > 0)
        case "timeout" | "numDigits" | "maxSpeechTime":
            return value.isdigit() and int(value) > 0
        case "speechModel":
            return value in MODELS or value.startswith(("googlev2_", "deepgram_"))
        case "enhanced" | "actionOnEmptyResult" | "bargeIn" | "profanityFilter" | "debug":
            return value in FLAGS
        case "method" | "partialResultCallbackMethod":
            return value in ("GET", "POST")
        case "loop" | "length":
            return value.isdigit()
        case _:
            return bool(value)
