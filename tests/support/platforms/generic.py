"""A service that uses the generic channel, as `docs/channels/generic.md` describes it."""

import hashlib
import hmac
import time
from collections.abc import Mapping

from aiohttp import web

from support.platforms.platform import Platform, Sent, Webhook, as_json, only

SECRET = "a secret of 32 characters, or so"


def sign(body: bytes, *, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
    """Return the headers of a signed body."""
    moment = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"Content-Type": "application/json", "X-Manent-Signature": f"t={moment},v1={digest}"}


def is_signed(headers: Mapping[str, str], body: bytes) -> bool:
    """Return whether Manent has signed a body."""
    moment = headers.get("X-Manent-Signature", "").partition(",")[0].removeprefix("t=")
    return bool(moment) and sign(body, at=float(moment))["X-Manent-Signature"] == headers["X-Manent-Signature"]


class Generic(Platform):
    """A service that accepts signed messages, each key once."""

    name = "generic"
    max_text = 1_000_000

    def __init__(self) -> None:
        super().__init__()
        self.keys: set[str] = set()

    def credentials(self) -> str:
        return f'generic:\n  url: {self.url}/bot\n  secret: "{SECRET}"\n'

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/bot", self._take)

    async def _take(self, request: web.Request) -> web.Response:
        body, message = await request.read(), await request.json()
        if not is_signed(request.headers, body):
            self.rejected.append("the signature is wrong")
            return web.Response(status=401)
        if unknown := only(message, "recipient_id seq part text buttons image attachment custom"):
            self.rejected.append(f"unknown fields: {unknown}")
            return web.Response(status=400)
        key = request.headers["Idempotency-Key"]
        if key in self.keys:
            return web.json_response({"status": "repeated"})
        buttons = tuple((one.get("title", ""), one["payload"]) for one in message.get("buttons", ()))
        sent = Sent(to=message["recipient_id"], text=message.get("text", ""), buttons=buttons, raw=message)
        fault = await self.send(sent)
        if fault in (None, "cut"):
            self.keys.add(key)
        if fault == "cut":
            assert request.transport is not None
            request.transport.close()
        if fault == "busy":
            return web.Response(status=429, headers={"Retry-After": "1"})
        status = {"gone": 410, "down": 503}.get(fault or "", 200)
        return web.json_response({"error": "no such visitor"} if fault == "gone" else {}, status=status)

    def text(self, sender: str, text: str, message_id: str) -> Webhook:
        body = as_json({"sender": sender, "message_id": message_id, "text": text})
        return Webhook(body=body, headers=sign(body))

    def attachment(self, sender: str, message_id: str) -> Webhook:
        attachment = {"type": "image", "url": "https://example.invalid/a.png"}
        message = {"sender": sender, "message_id": message_id, "text": "/attachment"}
        body = as_json({**message, "metadata": {"attachments": [attachment]}})
        return Webhook(body=body, headers=sign(body))

    def unknown(self) -> Webhook:
        body = as_json({"sender": "eve", "message_id": "1", "text": "x" * 70_000})
        return Webhook(body=body, headers=sign(body))

    def forged(self, hook: Webhook) -> list[Webhook]:
        body = hook.body
        return [
            Webhook(body=body),
            Webhook(body=body, headers=sign(body, secret="another secret")),
            Webhook(body=body, headers=sign(body, at=time.time() - 400)),
            Webhook(body=body.replace(b"hello", b"count"), headers=hook.headers),
            Webhook(body=body, headers={"X-Manent-Signature": "t=1e9,v1=0"}),
        ]

    def signed(self, body: bytes) -> Webhook:
        return Webhook(body=body, headers=sign(body))

    def press(self, sender: str, button: tuple[str, str], message_id: str) -> Webhook:
        return self.text(sender, button[1], message_id)
