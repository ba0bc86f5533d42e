"""Rocket.Chat's REST API, outgoing webhooks and Omnichannel webhooks.

Rules come from https://developer.rocket.chat/apidocs ("Login with username", "Post message", "Rate limiting"),
https://docs.rocket.chat/docs/integrations (outgoing webhooks) and https://docs.rocket.chat/docs/webhooks (Omnichannel).
"""

import time
from typing import Any

from aiohttp import web

from support.platforms.platform import Platform, Sent, Webhook, as_json, only

USER = "small.bot"
PASSWORD = "a password of the bot"
TOKEN = "hxsFEH5ufTZ8k3hbAvWpPvLe"
LIVECHAT_TOKEN = "the secret token of Omnichannel"

POST_MESSAGE = "roomId channel text alias emoji avatar attachments parseUrls tmid customFields"
ATTACHMENT = (
    "color text ts thumb_url message_link collapsed author_name author_link author_icon title title_link"
    " title_link_download image_url audio_url video_url fields actions button_alignment fallback"
)
ACTION = "type text msg msg_in_chat_window url image_url is_webview webview_height_ratio msg_processing_type"
MAX_MESSAGE = 5_000
"""The default of the setting "Maximum Allowed Characters Per Message"."""


class RocketChat(Platform):
    """One workspace.

    Attributes:
        logins: how often the bot has logged in.
        tokens: the authentication tokens that are accepted.
    """

    name = "rocketchat"
    max_text = MAX_MESSAGE

    def __init__(self) -> None:
        super().__init__()
        self.logins = 0
        self.tokens: set[str] = set()

    def credentials(self) -> str:
        return (
            f"rocketchat:\n  user: {USER}\n  password: {PASSWORD}\n  server_url: {self.url}\n"
            f"  token: {TOKEN}\n  livechat_token: {LIVECHAT_TOKEN}\n"
        )

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/api/v1/login", self._login)
        app.router.add_get("/api/v1/me", self._me)
        app.router.add_post("/api/v1/chat.postMessage", self._post_message)
        app.router.add_get("/file-upload/{file_id}/{name}", self._upload)

    async def _login(self, request: web.Request) -> web.Response:
        given = await request.json()
        if unknown := only(given, "user username email password resume code"):
            self.rejected.append(f"login: unknown fields {unknown}")
        if given.get("user", given.get("username")) != USER or given.get("password") != PASSWORD:
            return web.json_response({"status": "error", "error": 401, "message": "Unauthorized"}, status=401)
        self.logins += 1
        token = f"auth-token-{self.logins}"
        self.tokens.add(token)
        data = {"userId": "bot1", "authToken": token, "me": {"_id": "bot1", "username": USER}}
        return web.json_response({"status": "success", "data": data})

    def _is_authorized(self, request: web.Request) -> bool:
        return request.headers.get("X-User-Id") == "bot1" and request.headers.get("X-Auth-Token") in self.tokens

    async def _me(self, request: web.Request) -> web.Response:
        if not self._is_authorized(request):
            return _unauthorized()
        return web.json_response({"_id": "bot1", "username": USER, "success": True})

    async def _upload(self, request: web.Request) -> web.Response:
        """Return a file, which is protected (setting "Protect Uploaded Files")."""
        if not self._is_authorized(request):
            return web.Response(status=403)
        if request.match_info["file_id"] != "f1":
            return web.Response(status=404)
        return web.Response(body=b"the image", content_type="image/png")

    async def _post_message(self, request: web.Request) -> web.Response:
        if not self._is_authorized(request):
            return _unauthorized()
        given = await request.json()
        if problem := _problem(given):
            self.rejected.append(problem)
            return _error(400, problem, "error-invalid-params")
        attachments = given.get("attachments", [])
        actions = [action for one in attachments for action in one.get("actions", ())]
        buttons = tuple((one["text"], one.get("msg", "")) for one in actions if "msg" in one)
        text = given.get("text") or next((one["text"] for one in attachments if one.get("text")), "")
        room = given.get("roomId") or given.get("channel", "")
        fault = await self.send(Sent(to=room, text=text, buttons=buttons, raw=given))
        if fault == "cut":
            assert request.transport is not None
            request.transport.close()
        if fault == "busy":
            reset = {"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "0"}
            wait = "You must wait 1 seconds before trying this endpoint again."
            answer = _error(429, f"Error, too many requests. Please slow down. {wait} [error-too-many-requests]", "")
            answer.headers.update({**reset, "X-RateLimit-Reset": str(int(time.time() * 1000) + 1_000)})
            return answer
        if fault == "gone":
            return _error(400, "The required “roomId” or “channel” param provided does not match any channel", "")
        if fault == "down":
            return web.Response(status=502, text="<html>Bad Gateway</html>", content_type="text/html")
        message = {"_id": f"out{self.attempts}", "rid": room, "msg": text}
        return web.json_response({"ts": 1_700_000_000, "channel": room, "message": message, "success": True})

    def hook(self, sender: str, message_id: str, **more: Any) -> Webhook:
        """Return the request of an outgoing webhook for the event "Message Sent"."""
        return self.signed(as_json(_fields(sender, message_id, **more)))

    def livechat(self, sender: str, *messages: dict[str, Any], **more: Any) -> Webhook:
        """Return the request of an Omnichannel webhook. It can have several messages."""
        body = {
            "_id": sender,
            "label": "Ada",
            "topic": "asiodojf",
            "createdAt": "2023-11-14T22:13:20.000Z",
            "lastMessageAt": "2023-11-14T22:13:20.000Z",
            "tags": [],
            "visitor": {"_id": "v1", "token": "vt1", "name": "Ada", "username": "guest-1", "email": [], "phone": None},
            "agent": {"_id": "bot1", "username": USER, "name": "Small", "email": "small@example.com"},
            "type": "Message",
            "messages": list(messages),
            **more,
        }
        headers = {"Content-Type": "application/json", "X-RocketChat-Livechat-Token": LIVECHAT_TOKEN}
        return Webhook(body=as_json(body), headers=headers)

    def livechat_message(self, text: str, message_id: str, **more: Any) -> dict[str, Any]:
        """Return a message of a visitor for `livechat`."""
        author = {"_id": "v1", "username": "guest-1", "name": "Ada"}
        when = "2023-11-14T22:13:20.000Z"
        return {"u": author, "_id": f"in{message_id}", "username": "guest-1", "msg": text, "ts": when, **more}

    def text(self, sender: str, text: str, message_id: str) -> Webhook:
        if int(message_id) % 2:
            return self.hook(sender, message_id, text=text)
        return self.livechat(sender, self.livechat_message(text, message_id))

    def attachment(self, sender: str, message_id: str) -> Webhook:
        file = {"_id": "f1", "name": "a.png", "type": "image/png", "size": 9}
        found = {"title": "a.png", "title_link": "/file-upload/f1/a.png", "image_url": "/file-upload/f1/a.png"}
        more = {"file": file, "attachments": [found], "fileUpload": {"publicFilePath": f"{self.url}/file-upload/f1"}}
        return self.livechat(sender, self.livechat_message("", message_id, **more))

    def unknown(self) -> Webhook:
        return self.livechat("1001", type="LivechatSessionTaken")

    def forged(self, hook: Webhook) -> list[Webhook]:
        kind = {"Content-Type": "application/json"}
        livechat = self.livechat("1001", self.livechat_message("hello", "1")).body
        return [
            Webhook(body=as_json(_fields("1001", "1", text="hello", token="")), headers=kind),
            Webhook(body=as_json(_fields("1001", "1", text="hello", token="another")), headers=kind),
            Webhook(body=as_json(_fields("1001", "1", text="hello", token=None)), headers=kind),
            Webhook(body=hook.body.replace(TOKEN.encode(), b"x" * len(TOKEN)), headers=kind),
            Webhook(body=livechat, headers=kind),
            Webhook(body=livechat, headers={**kind, "X-RocketChat-Livechat-Token": "another"}),
            Webhook(body=livechat, headers={**kind, "X-RocketChat-Livechat-Token": TOKEN}),
        ]

    def malformed(self) -> list[Webhook]:
        """Return bodies of wrong shapes with the right tokens. The token of outgoing webhooks is a part of the body."""
        shapes: list[dict[str, Any]] = [
            {"token": TOKEN},
            {"token": TOKEN, "channel_id": [], "user_name": {}, "text": None, "message_id": 3},
            _fields("1001", "1", text=["hello"]),
            _fields("1001", "", text="hello"),
            _fields("", "1", text="hello"),
        ]
        broken = [
            self.livechat("1001", messages="none"),
            self.livechat("1001", {"msg": 3, "_id": None, "u": []}),
            self.livechat("", self.livechat_message("hello", "1")),
        ]
        return [*(self.signed(as_json(shape)) for shape in shapes), *broken]

    def signed(self, body: bytes) -> Webhook:
        return Webhook(body=body, headers={"Content-Type": "application/json"})

    def press(self, sender: str, button: tuple[str, str], message_id: str) -> Webhook:
        """Return what a press of a button with `msg_in_chat_window` causes: a message with its text by the visitor."""
        shown = next(one for one in reversed(self.sent) if button in one.buttons)
        actions = [action for one in shown.raw["attachments"] for action in one.get("actions", ())]
        action = next(one for one in actions if (one["text"], one.get("msg")) == button)
        assert action["type"] == "button"
        assert action["msg_in_chat_window"] is True
        return self.hook(sender, message_id, text=action["msg"])


def _fields(sender: str, message_id: str, **more: Any) -> dict[str, Any]:
    return {
        "token": TOKEN,
        "bot": False,
        "channel_id": sender,
        "channel_name": "general",
        "message_id": f"in{message_id}" if message_id else "",
        "timestamp": "2023-11-14T22:13:20.000Z",
        "user_id": "u1",
        "user_name": "ada",
        "text": "",
        "siteUrl": "https://chat.example.com",
        **more,
    }


def _problem(given: dict[str, Any]) -> str:
    """Return which documented rule of a message, an attachment or a button a request breaks."""
    if unknown := only(given, POST_MESSAGE):
        return f"unknown fields: {unknown}"
    if not isinstance(given.get("roomId", given.get("channel")), str):
        return "roomId or channel"
    if len(given.get("text", "")) > MAX_MESSAGE:
        return "error-message-size-exceeded"
    attachments = given.get("attachments", [])
    if not given.get("text") and not attachments:
        return "the message has neither text nor attachments"
    for attachment in attachments:
        if unknown := only(attachment, ATTACHMENT):
            return f"unknown fields of an attachment: {unknown}"
        for action in attachment.get("actions", ()):
            if unknown := only(action, ACTION):
                return f"unknown fields of an action: {unknown}"
            if action.get("type") != "button" or (not action.get("text") and not action.get("image_url")):
                return "an action needs the type button, and text or image_url"
            if len(action.get("msg", "")) > MAX_MESSAGE:
                return "msg of an action: its message would be too long"
    return ""


def _unauthorized() -> web.Response:
    error = {"status": "error", "message": "You must be logged in to do this."}
    return web.json_response(error, status=401)


def _error(status: int, error: str, error_type: str) -> web.Response:
    body = {"success": False, "error": error, **({"errorType": error_type} if error_type else {})}
    return web.json_response(body, status=status)
