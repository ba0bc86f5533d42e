"""Meta's Cloud API for WhatsApp, as https://developers.facebook.com/docs/whatsapp/cloud-api describes it."""

import hashlib
import hmac
from typing import Any

from aiohttp import web

from support.platforms.platform import Platform, Sent, Webhook, as_json, only

TOKEN = "EAAG-token"
SECRET = "app secret"
NUMBER = "106540352242922"
ALLOWED = (
    "messaging_product recipient_type to type text interactive image document context template reaction"
    " biz_opaque_callback_data"
)
"""Fields of a message (docs: Messages). The status of a message contains its `biz_opaque_callback_data`."""


def sign(body: bytes, secret: str = SECRET) -> Webhook:
    """Return a signed webhook (docs: Webhooks, Validating Payloads)."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return Webhook(body=body, headers={"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={digest}"})


class WhatsApp(Platform):
    """One business phone number."""

    name = "whatsapp"
    max_text = 4096

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []

    def credentials(self) -> str:
        return (
            f'whatsapp:\n  phone_number_id: "{NUMBER}"\n  access_token: {TOKEN}\n  app_secret: {SECRET}\n'
            f"  verify: my word\n  api_url: {self.url}\n"
        )

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post(f"/v21.0/{NUMBER}/messages", self._messages)
        app.router.add_get(f"/v21.0/{NUMBER}", self._number)
        app.router.add_get("/v21.0/{media:[0-9]+}", self._media)
        app.router.add_get("/whatsapp_business/attachments/{media}", self._download)

    async def _media(self, request: web.Request) -> web.Response:
        """Return the address of a file (docs: Media, Retrieve Media URL)."""
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _error(401, 190, "Invalid OAuth access token.")
        media = request.match_info["media"]
        if media != "778":
            return _error(400, 100, "Unsupported get request. Object does not exist")
        url = f"{self.url}/whatsapp_business/attachments/{media}"
        found = {"messaging_product": "whatsapp", "url": url, "mime_type": "image/jpeg", "sha256": "x", "id": media}
        return web.json_response({**found, "file_size": 9})

    async def _download(self, request: web.Request) -> web.Response:
        """Return a file (docs: Media, Download Media). The address works only with the token."""
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.Response(status=404)
        return web.Response(body=b"the image", content_type="image/jpeg")

    async def _number(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _error(401, 190, "Invalid OAuth access token.")
        return web.json_response({"display_phone_number": "+1 555-0100", "verified_name": "Small", "id": NUMBER})

    async def _messages(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _error(401, 190, "Invalid OAuth access token.")
        given = await request.json()
        if given.get("status") == "read":
            self.read.append(given["message_id"])
            return web.json_response({"success": True})
        if problem := _problem(given):
            self.rejected.append(problem)
            return _error(400, 100, f"(#100) Invalid parameter: {problem}")
        action = given.get("interactive", {}).get("action", {})
        choices = [one["reply"] for one in action.get("buttons", ())]
        choices += [row for section in action.get("sections", ()) for row in section["rows"]]
        buttons = tuple((one["title"], one["id"]) for one in choices)
        text = given.get("text", {}).get("body") or given.get("interactive", {}).get("body", {}).get("text", "")
        fault = await self.send(Sent(to=given["to"], text=text, buttons=buttons, raw=given))
        if fault == "cut":
            assert request.transport is not None
            request.transport.close()
        if fault == "busy":
            response = _error(429, 130429, "Rate limit hit")
            response.headers["Retry-After"] = "1"
            return response
        if fault == "gone":
            return _error(400, 131047, "Re-engagement message")
        if fault == "down":
            return _error(500, 131000, "Something went wrong")
        return web.json_response({"messaging_product": "whatsapp", "messages": [{"id": f"wamid.{self.attempts}"}]})

    def change(self, value: dict[str, Any]) -> Webhook:
        """Return the webhook of any change (docs: Webhooks, Payload)."""
        metadata = {"display_phone_number": "15550100", "phone_number_id": NUMBER}
        whole = {"messaging_product": "whatsapp", "metadata": metadata, **value}
        entry = {"id": "1", "changes": [{"field": "messages", "value": whole}]}
        return sign(as_json({"object": "whatsapp_business_account", "entry": [entry]}))

    def message(self, sender: str, message_id: str, kind: str, content: Any) -> Webhook:
        """Return the webhook of a message of any kind."""
        message = {
            "from": sender,
            "id": f"wamid.in{message_id}",
            "timestamp": "1700000000",
            "type": kind,
            kind: content,
        }
        contacts = [{"profile": {"name": "Ada"}, "wa_id": sender}]
        return self.change({"contacts": contacts, "messages": [message]})

    def text(self, sender: str, text: str, message_id: str) -> Webhook:
        return self.message(sender, message_id, "text", {"body": text})

    def attachment(self, sender: str, message_id: str) -> Webhook:
        return self.message(sender, message_id, "image", {"id": "778", "mime_type": "image/jpeg", "sha256": "x"})

    def saw_work(self, sender: str) -> bool:
        return bool(sender and self.read)

    def failed(self, sent: Sent) -> Webhook:
        """Return the status of a message that was accepted after the 24 hours (docs: Webhooks, Status messages)."""
        error = {"code": 131047, "title": "Re-engagement message", "message": "Re-engagement message"}
        status = {"id": "wamid.1", "status": "failed", "timestamp": "1700000000", "recipient_id": sent.to}
        key = sent.raw["biz_opaque_callback_data"]
        return self.change({"statuses": [{**status, "errors": [error], "biz_opaque_callback_data": key}]})

    def unknown(self) -> Webhook:
        return self.message("1001", "9", "unsupported", {"errors": [{"code": 131051}]})

    def forged(self, hook: Webhook) -> list[Webhook]:
        return [
            Webhook(body=hook.body),
            sign(hook.body, "another"),
            Webhook(body=hook.body + b" ", headers=hook.headers),
        ]

    def signed(self, body: bytes) -> Webhook:
        return sign(body)

    def press(self, sender: str, button: tuple[str, str], message_id: str) -> Webhook:
        shown = next(one for one in reversed(self.sent) if button in one.buttons)
        kind = "button_reply" if shown.raw["interactive"]["type"] == "button" else "list_reply"
        reply = {"id": button[1], "title": button[0]}
        return self.message(sender, message_id, "interactive", {"type": kind, kind: reply})


def _problem(given: dict[str, Any]) -> str:
    """Return the documented rule for messages that a request violates, or ""."""
    if unknown := only(given, ALLOWED):
        return f"unknown fields: {unknown}"
    if given.get("messaging_product") != "whatsapp" or given.get("type") not in given:
        return "messaging_product or type"
    if "text" in given and not 1 <= len(given["text"]["body"]) <= 4096:
        return "text.body"
    interactive = given.get("interactive")
    if interactive is None:
        return ""
    if not 1 <= len(interactive["body"]["text"]) <= 1024:
        return "interactive.body.text"
    if interactive["type"] == "button":
        replies = [one["reply"] for one in interactive["action"]["buttons"]]
        limits = (3, 20, 256)
    else:
        replies = [row for section in interactive["action"]["sections"] for row in section["rows"]]
        limits = (10, 24, 200)
        if not 1 <= len(interactive["action"]["button"]) <= 20:
            return "action.button"
    most, title, longest_id = limits
    if not 1 <= len(replies) <= most:
        return "number of buttons"
    if any(not 1 <= len(one["title"]) <= title or not 1 <= len(one["id"]) <= longest_id for one in replies):
        return "title or id of a button"
    names = [one["title"] for one in replies], [one["id"] for one in replies]
    return "titles and ids must be unique" if any(len(set(one)) < len(one) for one in names) else ""


def _error(status: int, code: int, message: str) -> web.Response:
    error = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "A"}
    return web.json_response({"error": error}, status=status)
