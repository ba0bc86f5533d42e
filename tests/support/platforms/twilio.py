"""Twilio's Messages API and messaging webhooks, as https://www.twilio.com/docs/messaging describes them."""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

from aiohttp import BasicAuth, web

from support.platforms.platform import Platform, Sent, Webhook, only

ACCOUNT = "AC0123456789abcdef0123456789abcdef"
TOKEN = "0123456789abcdef0123456789abcdef"
NUMBER = "+15550100"
PUBLIC_URL = "https://bot.example.com/webhooks/twilio/webhook"
FORM = "application/x-www-form-urlencoded"
SEND = (
    "To From MessagingServiceSid Body MediaUrl ContentSid ContentVariables PersistentAction StatusCallback"
    " ApplicationSid MaxPrice ProvideFeedback Attempt ValidityPeriod ForceDelivery ContentRetention AddressRetention"
    " SmartEncoded ShortenUrls ScheduleType SendAt SendAsMms RiskCheck"
)
MAX_MEDIA = 10
Form = Sequence[tuple[str, str]]


def signature(form: Form, *, token: str = TOKEN, url: str = PUBLIC_URL) -> str:
    """Return `X-Twilio-Signature` (docs: Webhooks Security): the URL, then the sorted fields, with HMAC-SHA1."""
    signed = url + "".join(name + value for name, value in sorted(set(form)))
    return base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()


def sign(form: Form, *, token: str = TOKEN, url: str = PUBLIC_URL) -> Webhook:
    """Return a signed webhook."""
    headers = {"Content-Type": FORM, "X-Twilio-Signature": signature(form, token=token, url=url)}
    return Webhook(body=urlencode(form).encode(), headers=headers)


def forge(hook: Webhook, url: str = PUBLIC_URL) -> list[Webhook]:
    """Return a webhook as others would send it."""
    form = parse_qsl(hook.body.decode(), keep_blank_values=True)
    return [
        Webhook(body=hook.body, headers={"Content-Type": FORM}),
        sign(form, token="another", url=url),
        sign(form, url="https://other.example.com/"),
        Webhook(body=hook.body + b"&Body=other", headers=hook.headers),
        Webhook(body=hook.body, headers={**hook.headers, "X-Twilio-Signature": "no base64"}),
    ]


def malformed_forms(url: str = PUBLIC_URL) -> list[Webhook]:
    """Return signed webhooks whose forms have wrong fields."""
    forms: list[Form] = [
        [],
        [("Body", "hello")],
        [("From", ""), ("Body", "hello"), ("MessageSid", "SM1")],
        [("From", NUMBER), ("Body", "\ufffd\0"), ("MessageSid", "")],
        [("From", NUMBER), ("From", "+1"), ("Body", ""), ("MessageSid", "SM2"), ("NumMedia", "many")],
        [("From", NUMBER), ("Body", ""), ("MessageSid", "SM3"), ("NumMedia", "99999999999")],
        [(f"Field{number}", "x") for number in range(2000)],
        [("From", NUMBER), ("Latitude", "north"), ("Longitude", ""), ("MessageSid", "SM4")],
    ]
    return [sign(form, url=url) for form in forms]


class Twilio(Platform):
    """One account with one number, for SMS and WhatsApp. The visitor's id is their number (`From`)."""

    name = "twilio"
    max_text = 1600  # docs: Message resource, Body

    def credentials(self) -> str:
        return (
            f'twilio:\n  account_sid: {ACCOUNT}\n  auth_token: {TOKEN}\n  twilio_number: "{NUMBER}"\n'
            f"  webhook_url: {PUBLIC_URL}\n  api_url: {self.url}\n"
        )

    def add_routes(self, app: web.Application) -> None:
        account = f"/2010-04-01/Accounts/{ACCOUNT}"
        app.router.add_post(f"{account}/Messages.json", self._messages)
        app.router.add_get(f"{account}.json", self._account)
        app.router.add_get(f"{account}/Messages/MM1/Media/ME1.json", self._media_resource)
        app.router.add_get(f"{account}/Messages/MM1/Media/ME1", self._media)
        app.router.add_get("/store/a.png", self._stored)

    async def _account(self, request: web.Request) -> web.Response:
        if not _is_authorized(request):
            return _error(401, 20003, "Authenticate")
        return web.json_response({"sid": ACCOUNT, "friendly_name": "Small", "status": "active", "type": "Full"})

    async def _media_resource(self, request: web.Request) -> web.Response:
        """Return a file's data (docs: Media subresource)."""
        if not _is_authorized(request):
            return _error(401, 20003, "Authenticate")
        return web.json_response({"sid": "ME1", "account_sid": ACCOUNT, "content_type": "image/png"})

    async def _media(self, request: web.Request) -> web.Response:
        """Redirect to the file (docs: media URLs require basic authentication)."""
        if not _is_authorized(request):
            return _error(401, 20003, "Authenticate")
        return web.Response(status=307, headers={"Location": f"{self.url}/store/a.png?signature=1"})

    async def _stored(self, request: web.Request) -> web.Response:
        """Return a file from the store, which has nothing to do with the account and must not get its token."""
        if "Authorization" in request.headers:
            self.rejected.append("the store of files got the account's token")
            return web.Response(status=400)
        return web.Response(body=b"the image", content_type="application/octet-stream")

    async def _messages(self, request: web.Request) -> web.Response:
        if not _is_authorized(request):
            return _error(401, 20003, "Authenticate")
        if request.content_type not in (FORM, "multipart/form-data"):
            return self._reject(415, 20415, f"Content type not supported: {request.content_type}")
        form = await request.post()
        given: dict[str, Any] = {name: form.getall(name) for name in form}
        if problem := _problem(given):
            return self._reject(400, *problem)
        to, media = given["To"][0], given.get("MediaUrl", [])
        text = given.get("Body", [""])[0]
        fault = await self.send(Sent(to=to, text=text or (media[0] if media else ""), raw=given))
        if fault == "cut":
            assert request.transport is not None
            request.transport.close()
        if fault == "busy":  # docs: error 20429
            response = _error(429, 20429, "Too Many Requests")
            response.headers["Retry-After"] = "1"
            return response
        if fault == "gone":  # docs: error 21610, the recipient has sent STOP
            return _error(400, 21610, "Attempt to send to unsubscribed recipient")
        if fault == "down":
            return web.Response(status=503, text="<html>Service Unavailable</html>", content_type="text/html")
        sid = f"SM{self.attempts:032x}"
        made = {"sid": sid, "status": "queued", "to": to, "from": given["From"][0], "body": text, "error_code": None}
        return web.json_response(made, status=201)

    def _reject(self, status: int, code: int, message: str) -> web.Response:
        self.rejected.append(f"{code}: {message}")
        return _error(status, code, message)

    # what visitors cause ----------------------------------------------------------------------------------------------

    def message(self, sender: str, message_id: str, body: str = "", **more: str) -> Webhook:
        """Return the webhook of any message (docs: Twilio's request to your webhook URL).

        A sender `whatsapp:+…` writes over WhatsApp, which adds `ProfileName` and `WaId`.
        """
        sid = f"SM{message_id:0>32}"
        is_whatsapp = sender.startswith("whatsapp:")
        wa_id = sender.removeprefix("whatsapp:+")
        form = {
            "ToCountry": "US",
            "SmsMessageSid": sid,
            "NumMedia": "0",
            "SmsSid": sid,
            "SmsStatus": "received",
            "Body": body,
            "To": f"whatsapp:{NUMBER}" if is_whatsapp else NUMBER,
            "NumSegments": "1",
            "MessageSid": sid,
            "AccountSid": ACCOUNT,
            "From": sender,
            "ApiVersion": "2010-04-01",
            **({"ProfileName": "Ada", "WaId": wa_id, "MessageType": "text"} if is_whatsapp else {}),
            **more,
        }
        return sign(list(form.items()))

    def text(self, sender: str, text: str, message_id: str) -> Webhook:
        return self.message(self.address(sender), message_id, text)

    def attachment(self, sender: str, message_id: str) -> Webhook:
        url = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages/MM1/Media/ME1"
        media = {"NumMedia": "1", "MediaUrl0": url, "MediaContentType0": "image/png"}
        return self.message(self.address(sender), message_id, **media)

    def location(self, sender: str, message_id: str) -> Webhook:
        """Return the webhook of a location (docs: WhatsApp, location messages)."""
        place = {"Latitude": "37.787890", "Longitude": "-122.391664", "Address": "375 Beale St", "Label": "Twilio"}
        return self.message(f"whatsapp:{self.address(sender)}", message_id, **place, MessageType="location")

    def press(self, sender: str, button: tuple[str, str], message_id: str) -> Webhook:
        """Return the webhook of a quick reply of WhatsApp (docs: WhatsApp, buttons)."""
        tapped = {"ButtonText": button[0], "ButtonPayload": button[1], "MessageType": "button"}
        return self.message(f"whatsapp:{self.address(sender)}", message_id, button[0], **tapped)

    def address(self, sender: str) -> str:
        return sender if sender.startswith(("+", "whatsapp:")) else f"+1555000{sender}"

    def unknown(self) -> Webhook:
        """Return a status callback that is entered at the wrong address (docs: Outbound Message Status)."""
        form = {"SmsSid": "SM9", "SmsStatus": "delivered", "MessageStatus": "delivered", "To": "+15550001001"}
        return sign(list({**form, "MessageSid": "SM9", "AccountSid": ACCOUNT, "From": NUMBER}.items()))

    def forged(self, hook: Webhook) -> list[Webhook]:
        return forge(hook)

    def signed(self, body: bytes) -> Webhook:
        form = parse_qsl(body.decode(errors="replace"), keep_blank_values=True)
        return Webhook(body=body, headers={"Content-Type": FORM, "X-Twilio-Signature": signature(form)})

    def malformed(self) -> list[Webhook]:
        return malformed_forms()


def _is_authorized(request: web.Request) -> bool:
    """Return whether the account and its token are sent with basic authentication (docs: Requests to Twilio)."""
    try:
        given = BasicAuth.decode(request.headers.get("Authorization", ""))
    except ValueError:
        return False
    return (given.login, given.password) == (ACCOUNT, TOKEN)


def _problem(given: dict[str, list[str]]) -> tuple[int, str] | None:
    """Return code and message of the error that a request to the Messages API causes."""
    if unknown := only(given, SEND):
        return 20001, f"unknown parameters: {unknown}"
    if any(len(values) > 1 for name, values in given.items() if name != "MediaUrl"):
        return 20001, "a parameter is repeated"
    to, sender = given.get("To", [""])[0], given.get("From", [""])[0]
    digits = to.removeprefix("whatsapp:").removeprefix("+")
    if not to:
        return 21604, "A 'To' phone number is required."
    if not digits.isdigit() or "+" not in to or not 7 <= len(digits) <= 15:  # docs: E.164
        return 21211, f"Invalid 'To' Phone Number: {to}"
    if not sender and "MessagingServiceSid" not in given:
        return 21603, "A 'From' phone number is required."
    if sender.removeprefix("whatsapp:") != NUMBER:
        return 21659, f"'{sender}' is not a Twilio phone number"
    if sender.startswith("whatsapp:") != to.startswith("whatsapp:"):
        return 21910, "'From' and 'To' are of different channels"
    body, media = given.get("Body", [""])[0], given.get("MediaUrl", [])
    if not body.strip() and not media and "ContentSid" not in given:
        return 21619, "A text message body or media urls must be specified."
    if len(body) > 1600:
        return 21617, "The concatenated message body exceeds the 1600 character limit"
    if len(media) > MAX_MEDIA:
        return 21623, "Number of media files exceeds allowed limit"
    if not all(url.startswith(("http://", "https://")) for url in media):
        return 21620, "Invalid media URL(s)"
    return None


def _error(status: int, code: int, message: str) -> web.Response:
    more_info = f"https://www.twilio.com/docs/errors/{code}"
    return web.json_response(
        {"code": code, "message": message, "more_info": more_info, "status": status}, status=status
    )
