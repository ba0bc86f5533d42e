"""Meta's Graph API for Messenger, as https://developers.facebook.com/docs/messenger-platform describes it."""

import hashlib
import hmac
from typing import Any

from aiohttp import web

from support.platforms.platform import Platform, Sent, Webhook, as_json, only

TOKEN = "EAAG-page-token"
SECRET = "app secret"
VERIFY = "my word"
OWN_ID = "102030405060"

REQUEST = "recipient message sender_action messaging_type notification_type tag persona_id access_token"
MESSAGE = "text attachment quick_replies metadata"
QUICK_REPLY = "content_type title payload image_url"
ELEMENT = "title subtitle image_url default_action buttons"
BUTTON = {
    "postback": "type title payload",
    "web_url": "type title url webview_height_ratio messenger_extensions fallback_url webview_share_button",
    "phone_number": "type title payload",
}
ACTIONS = ("mark_seen", "typing_on", "typing_off")


def sign(body: bytes, secret: str = SECRET, *, algorithms: tuple[str, ...] = ("sha1", "sha256")) -> Webhook:
    """Return a signed webhook (docs: Webhooks, Validate Payloads). SHA-1 is the older of the two headers."""
    headers = {"Content-Type": "application/json"}
    names = {"sha1": "X-Hub-Signature", "sha256": "X-Hub-Signature-256"}
    for algorithm in algorithms:
        digest = hmac.new(secret.encode(), body, getattr(hashlib, algorithm)).hexdigest()
        headers[names[algorithm]] = f"{algorithm}={digest}"
    return Webhook(body=body, headers=headers)


class Facebook(Platform):
    """One page with one app. Conversations are identified by the page-scoped id of the visitor (PSID).

    Attributes:
        actions: the visitor and the name of each sender action, oldest first.
    """

    name = "facebook"
    object = "page"
    max_text = 2000  # docs: Send API reference, message.text

    def __init__(self) -> None:
        super().__init__()
        self.actions: list[tuple[str, str]] = []

    def credentials(self) -> str:
        return (
            f"{self.name}:\n  verify: {VERIFY}\n  secret: {SECRET}\n  page-access-token: {TOKEN}\n"
            f"  api_url: {self.url}\n"
        )

    def add_routes(self, app: web.Application) -> None:
        version = r"/{version:v\d+\.\d+}"
        app.router.add_post(f"{version}/me/messages", self._messages)
        app.router.add_get(f"{version}/me", self._me)

    async def _me(self, request: web.Request) -> web.Response:
        if not _is_authorized(request, {}):
            return _error(400, 190, "Invalid OAuth access token.")
        fields = request.query.get("fields", "id,name").split(",")
        known = {"id": OWN_ID, "name": "Small", "username": "small"}
        if unknown := [name for name in fields if name not in known]:
            return self._reject(f"Tried accessing nonexisting field ({unknown[0]})")
        return web.json_response({name: known[name] for name in {*fields, "id"}})

    async def _messages(self, request: web.Request) -> web.Response:
        given = await request.json()
        if not _is_authorized(request, given):
            return _error(400, 190, "Invalid OAuth access token.")
        if problem := self.problem(given):
            return self._reject(problem)
        to = given["recipient"]["id"]
        if action := given.get("sender_action"):
            self.actions.append((to, action))
            return web.json_response({"recipient_id": to})
        fault = await self.send(_seen(to, given))
        if fault == "cut":
            assert request.transport is not None
            request.transport.close()
        if fault == "busy":  # docs: Send API errors; Meta sends no Retry-After
            return _error(400, 613, "Calls to this api have exceeded the rate limit.")
        if fault == "gone":
            return _error(400, 551, "This person isn't available right now.", subcode=1545041)
        if fault == "down":
            return _error(500, 1200, "Temporary send message failure. Please try again later.")
        return web.json_response({"recipient_id": to, "message_id": f"m_{self.attempts}"})

    def _reject(self, problem: str) -> web.Response:
        self.rejected.append(problem)
        return _error(400, 100, f"(#100) {problem}")

    def problem(self, given: dict[str, Any]) -> str:
        """Return which documented rule of the Send API a request breaks."""
        if unknown := only(given, REQUEST):
            return f"unknown fields: {unknown}"
        if not given.get("recipient", {}).get("id"):
            return "param recipient must be non-empty"
        if "sender_action" in given:
            # docs: Sender Actions. Only `recipient` may be sent with it.
            if only(given, "recipient sender_action access_token"):
                return "sender_action must be sent alone"
            return "" if given["sender_action"] in ACTIONS else "unknown sender_action"
        message = given.get("message")
        if not isinstance(message, dict) or not message:
            return "param message must be non-empty"
        return self.problem_of_type(given) or self.problem_of_message(message)

    def problem_of_type(self, given: dict[str, Any]) -> str:
        """Return what is wrong with `messaging_type`, which Messenger requires (docs: Send API, Messaging Types)."""
        kind = given.get("messaging_type")
        if kind not in ("RESPONSE", "UPDATE", "MESSAGE_TAG"):
            return f"messaging_type is {kind}"
        return "a message tag is missing" if kind == "MESSAGE_TAG" and "tag" not in given else ""

    def size(self, text: str) -> int:
        """Return the length of a text as the platform counts it."""
        return len(text)

    def problem_of_message(self, message: dict[str, Any]) -> str:
        """Return which rule a message breaks."""
        if unknown := only(message, MESSAGE):
            return f"unknown fields of the message: {unknown}"
        if ("text" in message) == ("attachment" in message):
            return "exactly one of text and attachment must be set"
        if "text" in message and not 1 <= self.size(message["text"].strip()) <= self.max_text:
            return f"Length of param message[text] must be less than or equal to {self.max_text}"
        replies = message.get("quick_replies", [])
        if "quick_replies" in message and not 1 <= len(replies) <= 13:  # docs: Quick Replies
            return "quick_replies must have 1 to 13 items"
        problems = [_problem_of_reply(one) for one in replies]
        return next(filter(None, problems), "") or _problem_of_attachment(message.get("attachment"))

    # what visitors cause ----------------------------------------------------------------------------------------------

    def batch(self, *entries: list[dict[str, Any]]) -> Webhook:
        """Return one webhook with several entries, each with several items (docs: Webhooks, Event Batching)."""
        made = [{"id": OWN_ID, "time": 1_700_000_000_000, "messaging": items} for items in entries]
        return sign(as_json({"object": self.object, "entry": made}))

    def item(self, sender: str, **content: Any) -> dict[str, Any]:
        """Return one messaging item of any kind."""
        common = {"sender": {"id": sender}, "recipient": {"id": OWN_ID}, "timestamp": 1_700_000_000_000}
        return {**common, **content}

    def message(self, sender: str, message_id: str, **content: Any) -> dict[str, Any]:
        """Return the item of a message (docs: messages webhook)."""
        return self.item(sender, message={"mid": f"m_in_{message_id}", **content})

    def postback(self, sender: str, title: str, payload: str, message_id: str) -> dict[str, Any]:
        """Return the item of a pressed button of a template (docs: messaging_postbacks webhook)."""
        return self.item(sender, postback={"mid": f"m_in_{message_id}", "title": title, "payload": payload})

    def quick_reply(self, sender: str, title: str, payload: str, message_id: str) -> dict[str, Any]:
        """Return the item of a tapped quick reply: a message with the title as its text."""
        return self.message(sender, message_id, text=title, quick_reply={"payload": payload})

    def echo(self, sender: str, text: str, message_id: str) -> dict[str, Any]:
        """Return the item of a message that the page itself has sent to a visitor (docs: message_echoes webhook)."""
        message = {"mid": f"m_in_{message_id}", "is_echo": True, "app_id": 1517776481860111, "text": text}
        return {**self.item(OWN_ID, message=message), "recipient": {"id": sender}}

    def text(self, sender: str, text: str, message_id: str) -> Webhook:
        return self.batch([self.message(sender, message_id, text=text)])

    def attachment(self, sender: str, message_id: str) -> Webhook:
        image = {"type": "image", "payload": {"url": "https://cdn.example.invalid/a.png"}}
        return self.batch([self.message(sender, message_id, attachments=[image])])

    def saw_work(self, sender: str) -> bool:
        return (sender, "typing_on") in self.actions

    def unknown(self) -> Webhook:
        return self.batch([self.item("1001", account_linking={"status": "unlinked"})])

    def press(self, sender: str, button: tuple[str, str], message_id: str) -> Webhook:
        shown = next(one for one in reversed(self.sent) if button in one.buttons)
        tap = self.quick_reply if "quick_replies" in shown.raw["message"] else self.postback
        return self.batch([tap(sender, *button, message_id)])

    def forged(self, hook: Webhook) -> list[Webhook]:
        """Include a right SHA-1 beside a wrong SHA-256: the stronger header must win."""
        both = {**sign(hook.body).headers, "X-Hub-Signature-256": f"sha256={'0' * 64}"}
        return [
            Webhook(body=hook.body),
            sign(hook.body, "another"),
            Webhook(body=hook.body + b" ", headers=hook.headers),
            Webhook(body=hook.body, headers=both),
        ]

    def signed(self, body: bytes) -> Webhook:
        return sign(body)

    def challenge(self, verify: str = VERIFY, *, mode: str = "subscribe") -> Webhook:
        """Return the request that checks the webhook's address; the answer's body must be `1158201444`."""
        query = {"hub.mode": mode, "hub.verify_token": verify, "hub.challenge": "1158201444"}
        return Webhook(body=b"", method="GET", query=query)


def _is_authorized(request: web.Request, given: dict[str, Any]) -> bool:
    """Return whether the page's token is in the query, the body or the header; the Graph API reads all three."""
    scheme, _, header = request.headers.get("Authorization", "").partition(" ")
    tokens = [request.query.get("access_token"), given.get("access_token"), header if scheme == "Bearer" else None]
    return TOKEN in tokens


def _seen(to: str, given: dict[str, Any]) -> Sent:
    message = given["message"]
    payload = message.get("attachment", {}).get("payload", {})
    elements = payload.get("elements", [])
    templates = [*payload.get("buttons", []), *(one for element in elements for one in element.get("buttons", []))]
    buttons = [*templates, *message.get("quick_replies", [])]
    text = message.get("text") or payload.get("text") or payload.get("url") or ""
    if elements:
        text = elements[0]["title"]
    return Sent(to=to, text=text, buttons=tuple((one["title"], one.get("payload", "")) for one in buttons), raw=given)


def _problem_of_reply(reply: dict[str, Any]) -> str:
    """Return which rule of the quick_reply object is broken (docs: Quick Replies)."""
    if unknown := only(reply, QUICK_REPLY):
        return f"unknown fields of a quick reply: {unknown}"
    if reply.get("content_type") != "text":
        return ""
    if not 1 <= len(reply.get("title", "")) <= 20:
        return "the title of a quick reply has more than 20 characters, or none"
    return "" if 1 <= len(reply.get("payload", "")) <= 1000 else "the payload of a quick reply is too long, or missing"


def _problem_of_button(button: dict[str, Any]) -> str:
    """Return which rule of the button object is broken (docs: Buttons)."""
    kind = button.get("type", "")
    if kind not in BUTTON:
        return f"unknown type of a button: {kind}"
    if unknown := only(button, BUTTON[kind]):
        return f"unknown fields of a button: {unknown}"
    if not 1 <= len(button.get("title", "")) <= 20:
        return "the title of a button has more than 20 characters, or none"
    if kind == "web_url":
        return "" if button.get("url", "").startswith(("http://", "https://")) else "a button without a URL"
    return "" if 1 <= len(button.get("payload", "")) <= 1000 else "the payload of a button is too long, or missing"


def _problem_of_buttons(buttons: list[dict[str, Any]]) -> str:
    if not 1 <= len(buttons) <= 3:  # docs: Button Template, Generic Template
        return "buttons must have 1 to 3 items"
    return next(filter(None, (_problem_of_button(one) for one in buttons)), "")


def _problem_of_attachment(attachment: dict[str, Any] | None) -> str:
    if attachment is None:
        return ""
    if unknown := only(attachment, "type payload"):
        return f"unknown fields of an attachment: {unknown}"
    payload = attachment["payload"]
    if attachment["type"] in ("image", "audio", "video", "file"):
        if unknown := only(payload, "url is_reusable attachment_id"):
            return f"unknown fields of an attachment's payload: {unknown}"
        return "" if payload.get("url", "").startswith(("http://", "https://")) else "an attachment without a URL"
    if attachment["type"] != "template":
        return f"unknown type of an attachment: {attachment['type']}"
    if payload.get("template_type") == "button":
        if unknown := only(payload, "template_type text buttons sharable"):
            return f"unknown fields of a button template: {unknown}"
        if not 1 <= len(payload.get("text", "")) <= 640:  # docs: Button Template
            return "the text of a button template has more than 640 characters, or none"
        return _problem_of_buttons(payload.get("buttons", []))
    if payload.get("template_type") != "generic":
        return "unknown template_type"
    if unknown := only(payload, "template_type elements image_aspect_ratio sharable"):
        return f"unknown fields of a generic template: {unknown}"
    elements = payload.get("elements", [])
    if not 1 <= len(elements) <= 10:  # docs: Generic Template
        return "elements must have 1 to 10 items"
    return next(filter(None, (_problem_of_element(one) for one in elements)), "")


def _problem_of_element(element: dict[str, Any]) -> str:
    if unknown := only(element, ELEMENT):
        return f"unknown fields of an element: {unknown}"
    if not 1 <= len(element.get("title", "")) <= 80 or len(element.get("subtitle", "")) > 80:
        return "title or subtitle of an element has more than 80 characters"
    if len(element) < 2:
        return "an element needs at least one field besides its title"
    return _problem_of_buttons(element["buttons"]) if "buttons" in element else ""


def _error(status: int, code: int, message: str, *, subcode: int | None = None) -> web.Response:
    error: dict[str, Any] = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "A"}
    if subcode is not None:
        error["error_subcode"] = subcode
    return web.json_response({"error": error}, status=status)
