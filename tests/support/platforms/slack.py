"""Slack's Web API and events, as https://docs.slack.dev describes them."""

import hashlib
import hmac
import json
import time
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from support.platforms.platform import Platform, Sent, Webhook, as_json, only

TOKEN = "xoxb-1-2-abc"
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
CHANNEL = "D024BE91L"
POST_MESSAGE = (
    "channel text blocks attachments as_user icon_emoji icon_url link_names metadata mrkdwn parse reply_broadcast"
    " thread_ts unfurl_links unfurl_media username"
)


def sign(body: bytes, kind: str, *, secret: str = SECRET, at: float | None = None) -> Webhook:
    """Return a signed request (docs: Verifying requests from Slack)."""
    moment = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), f"v0:{moment}:".encode() + body, hashlib.sha256).hexdigest()
    headers = {"X-Slack-Request-Timestamp": moment, "X-Slack-Signature": f"v0={digest}", "Content-Type": kind}
    return Webhook(body=body, headers=headers)


class Slack(Platform):
    """One workspace with one app."""

    name = "slack"
    max_text = 4000

    def credentials(self) -> str:
        return f"slack:\n  slack_token: {TOKEN}\n  slack_signing_secret: {SECRET}\n  api_url: {self.url}/api\n"

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/api/auth.test", self._auth_test)
        app.router.add_post("/api/chat.postMessage", self._post_message)
        app.router.add_post("/api/files.info", self._files_info)
        app.router.add_get("/files-pri/T1-F1/a.png", self._file)

    async def _auth_test(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"ok": False, "error": "invalid_auth"})
        return web.json_response({"ok": True, "team": "Small", "user": "small_bot", "user_id": "UBOT"})

    async def _files_info(self, request: web.Request) -> web.Response:
        """Return a file's data (docs: files.info, which takes a form and no JSON)."""
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"ok": False, "error": "invalid_auth"})
        if (await request.post()).get("file") != "F1":
            return web.json_response({"ok": False, "error": "file_not_found"})
        url = f"{self.url}/files-pri/T1-F1/a.png"
        file = {"id": "F1", "name": "a.png", "mimetype": "image/png", "size": 9, "url_private": url}
        return web.json_response({"ok": True, "file": file})

    async def _file(self, request: web.Request) -> web.Response:
        """Return a file (docs: a request without the token is redirected to the page for signing in)."""
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.Response(status=302, headers={"Location": f"{self.url}/signin"})
        return web.Response(body=b"the image", content_type="image/png")

    async def _post_message(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"ok": False, "error": "invalid_auth"})
        given = await request.json()
        if problem := _problem(given):
            self.rejected.append(problem)
            return web.json_response({"ok": False, "error": "invalid_arguments", "detail": problem})
        elements = [one for block in given.get("blocks", ()) for one in block.get("elements", ())]
        buttons = tuple((one["text"]["text"], one.get("value", "")) for one in elements)
        to = given.get("thread_ts") or given["channel"].removeprefix(f"{CHANNEL}-")
        fault = await self.send(Sent(to=to, text=given.get("text", ""), buttons=buttons, raw=given))
        if fault == "cut":
            assert request.transport is not None
            request.transport.close()
        if fault == "busy":
            error = {"ok": False, "error": "ratelimited"}
            return web.json_response(error, status=429, headers={"Retry-After": "1"})
        if fault == "gone":
            return web.json_response({"ok": False, "error": "is_archived"})
        if fault == "down":
            return web.json_response({"ok": False, "error": "internal_error"})
        return web.json_response({"ok": True, "channel": given["channel"], "ts": f"1700000000.{self.attempts:06}"})

    def event(self, event: dict[str, Any], event_id: str = "Ev1") -> Webhook:
        """Return the webhook of any event (docs: Events API)."""
        authorizations = [{"team_id": "T1", "user_id": "UBOT", "is_bot": True}]
        body = {"token": "old", "team_id": "T1", "api_app_id": "A1", "type": "event_callback", "event_id": event_id}
        outer = {**body, "event_time": 1_700_000_000, "authorizations": authorizations, "event": event}
        return self.signed(as_json(outer))

    def message(self, sender: str, message_id: str, **more: Any) -> dict[str, Any]:
        """Return a message event in a direct channel."""
        return {
            "type": "message",
            "channel": f"{CHANNEL}-{sender}",
            "channel_type": "im",
            "user": sender,
            "ts": f"1700000000.{message_id:0>6}",
            "client_msg_id": f"5f1a-{message_id}",
            "team": "T1",
            **more,
        }

    def text(self, sender: str, text: str, message_id: str) -> Webhook:
        for plain, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            text = text.replace(plain, escaped)
        return self.event(self.message(sender, message_id, text=text), f"Ev{message_id}")

    def attachment(self, sender: str, message_id: str) -> Webhook:
        file = {
            "id": "F1",
            "name": "a.png",
            "mimetype": "image/png",
            "size": 9,
            "url_private": "https://files.slack.com/a.png",
        }
        return self.event(self.message(sender, message_id, text="", subtype="file_share", files=[file]))

    def unknown(self) -> Webhook:
        return self.event({"type": "reaction_added", "user": "U1", "reaction": "thumbsup"})

    def forged(self, hook: Webhook) -> list[Webhook]:
        kind = hook.headers["Content-Type"]
        return [
            Webhook(body=hook.body, headers={"Content-Type": kind}),
            sign(hook.body, kind, secret="another"),
            sign(hook.body, kind, at=time.time() - 400),
            Webhook(body=hook.body + b" ", headers=hook.headers),
        ]

    def signed(self, body: bytes) -> Webhook:
        return sign(body, "application/json")

    def press(self, sender: str, button: tuple[str, str], message_id: str) -> Webhook:
        action = {"type": "button", "action_id": "a", "block_id": "b", "value": button[1]}
        payload = {
            "type": "block_actions",
            "user": {"id": sender},
            "channel": {"id": f"{CHANNEL}-{sender}"},
            "trigger_id": f"13345224609.{message_id}",
            "message": {"ts": "1700000000.000001"},
            "actions": [{**action, "text": {"type": "plain_text", "text": button[0]}}],
        }
        body = urlencode({"payload": json.dumps(payload)}).encode()
        return sign(body, "application/x-www-form-urlencoded")


def _problem(given: dict[str, Any]) -> str:
    """Return the documented limit of chat.postMessage or Block Kit that a message exceeds, or ""."""
    if unknown := only(given, POST_MESSAGE):
        return f"unknown arguments: {unknown}"
    if not given.get("text") and not given.get("blocks") and not given.get("attachments"):
        return "no_text"
    if len(given.get("text", "")) > 4000:
        return "msg_too_long"
    blocks = given.get("blocks", [])
    if len(blocks) > 50:
        return "too many blocks"
    for block in blocks:
        elements = block.get("elements", [])
        if len(block.get("text", {}).get("text", "")) > 3000 or len(elements) > 25:
            return "invalid_blocks"
        ids = [one.get("action_id") for one in elements]
        if len(set(ids)) < len(ids):
            return "action_id must be unique"
        if any(len(one["text"]["text"]) > 75 or len(one.get("value", "")) > 2000 for one in elements):
            return "invalid_blocks: button"
    return ""
