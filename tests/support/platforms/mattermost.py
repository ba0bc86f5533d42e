"""Mattermost's REST API, outgoing webhooks and message buttons.

Rules come from https://developers.mattermost.com: "API reference" (posts, users, files), "Outgoing webhooks",
"Interactive messages" and "Message attachments".
"""

import re
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from support.platforms.platform import Platform, Sent, Webhook, as_json, only

TOKEN = "9xuqwrwgstrb3mzrxb83nb357a"
OUTGOING_TOKEN = "kerfqdm3bjf3jqdqxcmz7rh85y"
BOT_ID = "bot5qdm3bjf3jqdqxcmz7rh8ab"
TRIGGER = "@small"

POST = "channel_id message root_id file_ids props metadata priority"
"""Fields of the body of `POST /posts`."""

ATTACHMENT = (
    "id fallback color pretext text author_name author_link author_icon title title_link fields image_url thumb_url"
    " footer footer_icon actions"
)
ACTION = "id name type style integration tooltip disabled options data_source default_option"
MAX_MESSAGE = 16_383
"""Characters of a post ("Message: up to 16,383 characters")."""


class Mattermost(Platform):
    """One server with a bot account and an outgoing webhook.

    Attributes:
        typing: the visitors that were shown a typing indicator.
    """

    name = "mattermost"
    max_text = MAX_MESSAGE

    def __init__(self) -> None:
        super().__init__()
        self.typing: list[str] = []

    def credentials(self) -> str:
        return (
            f"mattermost:\n  url: {self.url}/api/v4\n  token: {TOKEN}\n  outgoing_token: {OUTGOING_TOKEN}\n"
            "  webhook_url: https://bot.example.com/webhooks/mattermost/webhook\n"
        )

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/api/v4/posts", self._posts)
        app.router.add_get("/api/v4/users/me", self._me)
        app.router.add_post("/api/v4/users/{user}/typing", self._typing)
        app.router.add_get("/api/v4/files/{file}/info", self._file_info)
        app.router.add_get("/api/v4/files/{file}", self._file)

    async def _me(self, request: web.Request) -> web.Response:
        if not _is_authorized(request):
            return _error(401, "api.context.session_expired.app_error", "Invalid or expired session.")
        return web.json_response({"id": BOT_ID, "username": "small", "is_bot": True, "roles": "system_user"})

    async def _file_info(self, request: web.Request) -> web.Response:
        if not _is_authorized(request):
            return _error(401, "api.context.session_expired.app_error", "Invalid or expired session.")
        file = {"id": request.match_info["file"], "name": "a.png", "extension": "png", "size": 9}
        return web.json_response({**file, "mime_type": "image/png", "width": 1, "height": 1})

    async def _file(self, request: web.Request) -> web.Response:
        """Return a file (API reference: Get a file)."""
        if not _is_authorized(request) or request.match_info["file"] != "file1":
            return _error(404, "app.file_info.get.app_error", "Unable to get the file info.")
        return web.Response(body=b"the image", content_type="image/png")

    async def _typing(self, request: web.Request) -> web.Response:
        given = await request.json()
        if not _is_authorized(request):
            return _error(401, "api.context.session_expired.app_error", "Invalid or expired session.")
        unknown = only(given, "channel_id parent_id")
        if unknown or request.match_info["user"] not in ("me", BOT_ID):
            return self._reject(f"typing: unknown fields {unknown}, or another user")
        self.typing.append(given["channel_id"].removeprefix("channel"))
        return web.json_response({"status": "OK"})

    async def _posts(self, request: web.Request) -> web.Response:
        if not _is_authorized(request):
            return _error(401, "api.context.session_expired.app_error", "Invalid or expired session.")
        given = await request.json()
        if problem := _problem(given):
            return self._reject(problem)
        attachments = given.get("props", {}).get("attachments", [])
        actions = [action for one in attachments for action in one.get("actions", ())]
        buttons = tuple((one["name"], str(one["integration"]["context"])) for one in actions)
        text = given.get("message") or next((one["text"] for one in attachments if one.get("text")), "")
        visitor = given["channel_id"].removeprefix("channel")
        fault = await self.send(Sent(to=visitor, text=text, buttons=buttons, raw=given))
        if fault == "cut":
            assert request.transport is not None
            request.transport.close()
        if fault == "busy":
            limits = {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}
            return web.Response(status=429, text="limit exceeded", headers={**limits, "Retry-After": "1"})
        if fault == "gone":
            message = "You do not have the appropriate permissions."
            return _error(403, "api.context.permissions.app_error", message)
        if fault == "down":
            return web.Response(status=503, text="<html>Service Unavailable</html>", content_type="text/html")
        return web.json_response({"id": f"post{self.attempts}", "user_id": BOT_ID, **given}, status=201)

    def _reject(self, problem: str) -> web.Response:
        self.rejected.append(problem)
        return _error(400, "api.context.invalid_body_param.app_error", problem)

    def hook(self, sender: str, message_id: str, **more: Any) -> Webhook:
        """Return the request of an outgoing webhook with the content type `application/json`."""
        return Webhook(body=as_json(_fields(sender, message_id, **more)), headers={"Content-Type": "application/json"})

    def form(self, sender: str, message_id: str, **more: Any) -> Webhook:
        """Return the same request with the content type `application/x-www-form-urlencoded`, which is the default."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return Webhook(body=urlencode(_fields(sender, message_id, **more)).encode(), headers=headers)

    def text(self, sender: str, text: str, message_id: str) -> Webhook:
        hook = self.form if int(message_id) % 2 else self.hook
        return hook(sender, message_id, text=f"{TRIGGER} {text}", trigger_word=TRIGGER)

    def attachment(self, sender: str, message_id: str) -> Webhook:
        return self.hook(sender, message_id, text=TRIGGER, trigger_word=TRIGGER, file_ids="file1")

    def saw_work(self, sender: str) -> bool:
        return sender in self.typing

    def unknown(self) -> Webhook:
        return self.hook("1001", "9", text=TRIGGER, trigger_word=TRIGGER)

    def forged(self, hook: Webhook) -> list[Webhook]:
        kind = {"Content-Type": "application/json"}
        action = _press("1001", {"action": "/greet"}, "1")
        return [
            Webhook(body=as_json(_fields("1001", "1", text="hello", token="")), headers=kind),
            Webhook(body=as_json(_fields("1001", "1", text="hello", token="another")), headers=kind),
            Webhook(body=as_json(_fields("1001", "1", text="hello", token=[OUTGOING_TOKEN])), headers=kind),
            Webhook(body=hook.body.replace(OUTGOING_TOKEN.encode(), TOKEN.encode()), headers=hook.headers),
            Webhook(body=as_json(action), headers=kind),
            Webhook(body=as_json({**action, "token": ""}), headers=kind),
        ]

    def malformed(self) -> list[Webhook]:
        """Return bodies of wrong shapes with the right token, which is a part of the body."""
        shapes: list[dict[str, Any]] = [
            {"token": OUTGOING_TOKEN},
            {"token": OUTGOING_TOKEN, "user_id": [], "channel_id": {}, "text": None, "post_id": 3},
            _fields("1001", "1", text=["hello"], file_ids=["a"], trigger_word=7),
            _fields("1001", "", text="hello"),
            _fields("", "1", text="hello"),
        ]
        return [self.signed(as_json(shape)) for shape in shapes]

    def signed(self, body: bytes) -> Webhook:
        return Webhook(body=body, headers={"Content-Type": "application/json"})

    def press(self, sender: str, button: tuple[str, str], message_id: str) -> Webhook:
        shown = next(one for one in reversed(self.sent) if button in one.buttons)
        actions = [action for one in shown.raw["props"]["attachments"] for action in one.get("actions", ())]
        action = next(one for one in actions if (one["name"], str(one["integration"]["context"])) == button)
        assert action["integration"]["url"] == "https://bot.example.com/webhooks/mattermost/webhook"
        return self.signed(as_json(_press(sender, action["integration"]["context"], message_id)))


def _is_authorized(request: web.Request) -> bool:
    return request.headers.get("Authorization") == f"Bearer {TOKEN}"


def _fields(sender: str, message_id: str, **more: Any) -> dict[str, Any]:
    """Return the fields of an outgoing webhook. Only public channels have outgoing webhooks."""
    return {
        "token": OUTGOING_TOKEN,
        "team_id": "team1",
        "team_domain": "small",
        "channel_id": f"channel{sender}",
        "channel_name": "town-square",
        "timestamp": 1_700_000_000_000,
        "user_id": sender,
        "user_name": "ada",
        "post_id": f"in{message_id}" if message_id else "",
        "text": "",
        "trigger_word": "",
        "file_ids": "",
        **more,
    }


def _press(sender: str, context: dict[str, Any], message_id: str) -> dict[str, Any]:
    """Return the request that a pressed button causes. It has no token: only the context comes from the integration."""
    return {
        "user_id": sender,
        "user_name": "ada",
        "channel_id": f"channel{sender}",
        "channel_name": "town-square",
        "team_id": "team1",
        "team_domain": "small",
        "post_id": "post1",
        "trigger_id": f"trigger{message_id}",
        "type": "button",
        "data_source": "",
        "context": context,
    }


def _problem(given: dict[str, Any]) -> str:
    """Return which documented rule of a post, an attachment or a button a request breaks."""
    if unknown := only(given, POST):
        return f"unknown fields: {unknown}"
    if not re.fullmatch(r"channel\w+", given.get("channel_id", "")):
        return "channel_id"
    if len(given.get("message", "")) > MAX_MESSAGE:
        return "message: too long"
    attachments = given.get("props", {}).get("attachments", [])
    if not given.get("message") and not attachments and not given.get("file_ids"):
        return "message: empty"
    for attachment in attachments:
        if unknown := only(attachment, ATTACHMENT):
            return f"unknown fields of an attachment: {unknown}"
        actions = attachment.get("actions", [])
        if len({one.get("id") for one in actions}) < len(actions):
            return "ids of actions must be unique"
        for action in actions:
            if unknown := only(action, ACTION):
                return f"unknown fields of an action: {unknown}"
            if not re.fullmatch(r"[A-Za-z0-9]+", action.get("id", "")) or not action.get("name"):
                return "an action needs a name and an alphanumeric id"
            if only(action.get("integration", {}), "url context") or not action["integration"]["url"]:
                return "integration of an action"
    return ""


def _error(status: int, error_id: str, message: str) -> web.Response:
    error = {"id": error_id, "message": message, "request_id": "r1", "status_code": status}
    return web.json_response(error, status=status)
