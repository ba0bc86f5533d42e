"""Telegram's Bot API, as https://core.telegram.org/bots/api describes it."""

import re
from typing import Any

from aiohttp import web

from support.platforms.platform import Platform, Sent, Webhook, as_json, only
from support.small_talk import until

TOKEN = "123456:AAE-a_token_of_the_bot"

ALLOWED = {
    "sendMessage": "chat_id text reply_markup parse_mode disable_notification reply_parameters link_preview_options",
    "sendPhoto": "chat_id photo caption reply_markup parse_mode",
    "sendDocument": "chat_id document caption reply_markup parse_mode",
    "sendChatAction": "chat_id action message_thread_id",
    "answerCallbackQuery": "callback_query_id text show_alert url cache_time",
    "setWebhook": "url certificate ip_address max_connections allowed_updates drop_pending_updates secret_token",
    "getMe": "",
    "getFile": "file_id",
}


def utf16(text: str) -> int:
    """Return the length in UTF-16 code units, in which Telegram counts."""
    return len(text.encode("utf-16-le")) // 2


class Telegram(Platform):
    """The Bot API for one bot."""

    name = "telegram"
    max_text = 4096

    def __init__(self) -> None:
        super().__init__()
        self.webhook: dict[str, Any] = {}
        self.answered: list[str] = []
        self.typing: list[str] = []

    def credentials(self) -> str:
        return (
            f"telegram:\n  access_token: {TOKEN}\n  verify: small_bot\n  api_url: {self.url}\n"
            "  webhook_url: https://bot.example.com/webhooks/telegram/webhook\n"
        )

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/bot{token}/{method}", self._call)
        app.router.add_get("/file/bot{token}/{path:.+}", self._download)

    async def _download(self, request: web.Request) -> web.Response:
        """Return a file (docs: getFile)."""
        if (request.match_info["token"], request.match_info["path"]) != (TOKEN, "photos/file_1.jpg"):
            return web.Response(status=404)
        return web.Response(body=b"the image", content_type="application/octet-stream")

    async def _call(self, request: web.Request) -> web.Response:
        method, given = request.match_info["method"], await request.json()
        if request.match_info["token"] != TOKEN:
            return _error(401, "Unauthorized")
        if method not in ALLOWED:
            return self._reject(404, "Not Found")
        if unknown := only(given, ALLOWED[method]):
            return self._reject(400, f"Bad Request: unknown parameters {unknown}")
        match method:
            case "setWebhook":
                if not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", given.get("secret_token", "")):
                    return self._reject(400, "Bad Request: secret token contains unallowed characters")
                self.webhook = given
                return _result(True)
            case "getMe":
                return _result({"id": 123456, "is_bot": True, "first_name": "Small", "username": "small_bot"})
            case "getFile":
                if given["file_id"] not in ("small", "large"):
                    return _error(400, "Bad Request: invalid file_id")
                file = {"file_id": given["file_id"], "file_unique_id": "u", "file_size": 9}
                return _result({**file, "file_path": "photos/file_1.jpg"})
            case "answerCallbackQuery":
                self.answered.append(given["callback_query_id"])
                return _result(True)
            case "sendChatAction":
                self.typing.append(str(given["chat_id"]))
                return _result(True)
        return await self._send(request, method, given)

    async def _send(self, request: web.Request, method: str, given: dict[str, Any]) -> web.Response:
        if method == "sendMessage" and not given.get("text", "").strip():
            return self._reject(400, "Bad Request: message text is empty")
        if utf16(given.get("text", "")) > self.max_text:
            return self._reject(400, "Bad Request: message is too long")
        if utf16(given.get("caption", "")) > 1024:
            return self._reject(400, "Bad Request: message caption is too long")
        rows = given.get("reply_markup", {}).get("inline_keyboard", [])
        buttons = [button for row in rows for button in row]
        if any(not 1 <= len(one.get("callback_data", "x").encode()) <= 64 for one in buttons):
            return self._reject(400, "Bad Request: BUTTON_DATA_INVALID")
        if len(buttons) > 100 or any(len(row) > 8 for row in rows):
            return self._reject(400, "Bad Request: reply markup is too long")
        shown = tuple((one["text"], one.get("callback_data", "")) for one in buttons)
        text = given.get("text") or given.get("caption") or given.get("photo") or ""
        fault = await self.send(
            Sent(to=str(given["chat_id"]), text=text, buttons=shown, raw={"method": method, **given})
        )
        if fault == "cut":
            assert request.transport is not None
            request.transport.close()
        if fault == "busy":
            return _error(429, "Too Many Requests: retry after 1", parameters={"retry_after": 1})
        if fault == "gone":
            return _error(403, "Forbidden: bot was blocked by the user")
        if fault == "down":
            return web.Response(status=502, text="<html>Bad Gateway</html>", content_type="text/html")
        return _result({"message_id": self.attempts, "date": 1, "chat": {"id": given["chat_id"]}})

    def _reject(self, status: int, description: str) -> web.Response:
        self.rejected.append(description)
        return _error(status, description)

    def _hook(self, update: dict[str, Any]) -> Webhook:
        headers = {"Content-Type": "application/json", "X-Telegram-Bot-Api-Secret-Token": self.webhook["secret_token"]}
        return Webhook(body=as_json(update), headers=headers)

    def message(self, sender: str, message_id: str, **content: Any) -> Webhook:
        """Return the webhook of any message."""
        return self._hook({"update_id": int(message_id), "message": _message(sender, **content)})

    def text(self, sender: str, text: str, message_id: str) -> Webhook:
        return self.message(sender, message_id, text=text)

    def attachment(self, sender: str, message_id: str) -> Webhook:
        sizes = [
            {"file_id": name, "file_unique_id": name, "width": width, "height": width, "file_size": width * 100}
            for name, width in (("small", 90), ("large", 800))
        ]
        return self.message(sender, message_id, photo=sizes)

    def saw_work(self, sender: str) -> bool:
        return sender in self.typing

    def unknown(self) -> Webhook:
        return self._hook({"update_id": 99, "my_chat_member": {"chat": {"id": 1}, "date": 1}})

    def forged(self, hook: Webhook) -> list[Webhook]:
        wrong = {"Content-Type": "application/json", "X-Telegram-Bot-Api-Secret-Token": "a" * 64}
        return [Webhook(body=hook.body), Webhook(body=hook.body, headers=wrong)]

    def signed(self, body: bytes) -> Webhook:
        return Webhook(body=body, headers=self._hook({}).headers)

    async def ready(self) -> None:
        await until(lambda: bool(self.webhook))

    def press(self, sender: str, button: tuple[str, str], message_id: str) -> Webhook:
        shown = next(one for one in reversed(self.sent) if button in one.buttons)
        message = {**_message(sender, text=shown.text), "reply_markup": shown.raw["reply_markup"]}
        query = {"id": f"q{message_id}", "from": _user(sender), "message": message, "data": button[1]}
        return self._hook({"update_id": int(message_id), "callback_query": query})


def _user(sender: str) -> dict[str, Any]:
    return {"id": int(sender), "is_bot": False, "first_name": "Ada", "language_code": "en"}


def _message(sender: str, **content: Any) -> dict[str, Any]:
    chat = {"id": int(sender), "first_name": "Ada", "type": "private"}
    return {"message_id": 7, "date": 1_700_000_000, "chat": chat, "from": _user(sender), **content}


def _result(result: Any) -> web.Response:
    return web.json_response({"ok": True, "result": result})


def _error(status: int, description: str, **more: Any) -> web.Response:
    return web.json_response({"ok": False, "error_code": status, "description": description, **more}, status=status)
