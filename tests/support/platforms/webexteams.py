"""Webex's REST API and webhooks.

Rules come from https://developer.webex.com/docs: "Messages", "People", "Attachment Actions", "Webhooks Guide", "Buttons
and Cards Guide", "Message Attachments" and "Rate Limiting".
"""

import hashlib
import hmac
import html
from typing import Any

from aiohttp import web

from support.platforms.platform import Platform, Sent, Webhook, as_json, only

TOKEN = "ZWJhdG9rZW4-of-the-bot"
SECRET = "the secret of the webhook"
BOT_ID = "Y2lzY29zcGFyazovL3VzL1BFT1BMRS9ib3Q"
CARD = "application/vnd.microsoft.card.adaptive"

MESSAGE = "roomId parentId toPersonId toPersonEmail text markdown html files attachments"
MAX_TEXT = 7_439
"""Bytes of `text`, of `markdown` and of `html`."""

MAX_CARD = 22_000
"""Bytes of a card."""

CARD_FIELDS = "type $schema version body actions fallbackText backgroundImage minHeight lang selectAction speak"
ELEMENTS = "TextBlock Image Container ColumnSet FactSet ImageSet ActionSet RichTextBlock Input.Text Input.ChoiceSet"
ACTIONS = {
    "Action.Submit": "type title data id iconUrl style",
    "Action.OpenUrl": "type title url id iconUrl style",
    "Action.ShowCard": "type title card id iconUrl style",
}


def sign(body: bytes, secret: str = SECRET) -> Webhook:
    """Return a signed webhook (Webhooks Guide, Handling requests: HMAC-SHA1 of the raw body)."""
    digest = hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()
    return Webhook(body=body, headers={"Content-Type": "application/json", "X-Spark-Signature": digest})


class WebexTeams(Platform):
    """One bot. Each visitor is in a room with it.

    Attributes:
        messages: the messages that can be fetched, by id.
        actions: the submitted cards that can be fetched, by id.
        lookups: how many messages and submitted cards were fetched.
        lookup_faults: the statuses that the next lookups end in.
        is_scanning: whether files are being scanned for malware.
    """

    name = "webexteams"
    max_text = MAX_TEXT

    def __init__(self) -> None:
        super().__init__()
        self.messages: dict[str, dict[str, Any]] = {}
        self.actions: dict[str, dict[str, Any]] = {}
        self.lookups = 0
        self.lookup_faults: list[int] = []
        self.is_scanning = False

    def credentials(self) -> str:
        return f"webexteams:\n  access_token: {TOKEN}\n  secret: {SECRET}\n  api_url: {self.url}/v1\n"

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/v1/people/me", self._me)
        app.router.add_post("/v1/messages", self._post)
        app.router.add_get("/v1/messages/{id}", self._message)
        app.router.add_get("/v1/attachment/actions/{id}", self._action)
        app.router.add_route("HEAD", "/v1/contents/{id}", self._content)
        app.router.add_get("/v1/contents/{id}", self._file, allow_head=False)

    async def _me(self, request: web.Request) -> web.Response:
        if not _is_authorized(request):
            return _error(401, "The request requires a valid access token set in the Authorization request header.")
        return web.json_response({"id": BOT_ID, "displayName": "Small", "emails": ["small@webex.bot"], "type": "bot"})

    async def _message(self, request: web.Request) -> web.Response:
        return self._found(request, self.messages)

    async def _action(self, request: web.Request) -> web.Response:
        return self._found(request, self.actions)

    def _found(self, request: web.Request, known: dict[str, dict[str, Any]]) -> web.Response:
        self.lookups += 1
        if not _is_authorized(request):
            return _error(401, "The request requires a valid access token set in the Authorization request header.")
        if self.lookup_faults:
            return _error(self.lookup_faults.pop(0), "try again")
        found = known.get(request.match_info["id"])
        return web.json_response(found) if found else _error(404, "Unable to get message.")

    async def _content(self, request: web.Request) -> web.Response:
        """Describe a file (Message Attachments, Inspecting file details with HEAD)."""
        if not _is_authorized(request):
            return _error(401, "unauthorized")
        if self.is_scanning:  # Message Attachments, Anti-malware scanning
            return web.Response(status=423, headers={"Retry-After": "5"})
        headers = {"Content-Disposition": 'attachment; filename="a.png"', "Content-Type": "image/png"}
        return web.Response(headers={**headers, "Content-Length": "9"})

    async def _file(self, request: web.Request) -> web.Response:
        """Return a file (Message Attachments, Accessing attachments)."""
        if not _is_authorized(request) or request.match_info["id"] != "file1":
            return _error(404, "Could not find a content with provided ID.")
        if self.is_scanning:
            return web.Response(status=423, headers={"Retry-After": "5"})
        return web.Response(body=b"the image", content_type="image/png")

    async def _post(self, request: web.Request) -> web.Response:
        if not _is_authorized(request):
            return _error(401, "The request requires a valid access token set in the Authorization request header.")
        given = await request.json()
        if problem := _problem(given):
            self.rejected.append(problem)
            return _error(400, problem)
        actions = [one for card in given.get("attachments", ()) for one in _actions(card["content"])]
        buttons = tuple((one["title"], as_json(one["data"]).decode()) for one in actions if "data" in one)
        fault = await self.send(Sent(to=given["roomId"], text=given.get("text", ""), buttons=buttons, raw=given))
        if fault == "cut":
            assert request.transport is not None
            request.transport.close()
        if fault == "busy":
            response = _error(429, "Too many requests")
            response.headers["Retry-After"] = "1"
            return response
        if fault == "gone":
            return _error(404, "Could not find a room with provided ID.")
        if fault == "down":
            return web.Response(status=502, text="<html>Bad Gateway</html>", content_type="text/html")
        return web.json_response({"id": f"out{self.attempts}", **given, "personId": BOT_ID})

    # what visitors cause ----------------------------------------------------------------------------------------------

    def address(self, sender: str) -> str:
        return f"room{sender}"

    def hook(self, resource: str, event: str, data: dict[str, Any]) -> Webhook:
        """Return a webhook (Webhooks Guide, Webhook payload)."""
        body = {
            "id": "Y2lzY29zcGFyazovL3VzL1dFQkhPT0svMQ",
            "name": "Small",
            "targetUrl": "https://bot.example.com/webhooks/webexteams/webhook",
            "resource": resource,
            "event": event,
            "orgId": "org1",
            "createdBy": BOT_ID,
            "appId": "app1",
            "ownedBy": "creator",
            "status": "active",
            "created": "2023-11-14T22:13:20.000Z",
            "actorId": data.get("personId", "person1"),
            "data": data,
        }
        return sign(as_json(body))

    def message(self, sender: str, message_id: str, *, event: str = "created", **more: Any) -> Webhook:
        """Store a message of a visitor, and return its webhook, which has no text (Webhooks Guide)."""
        found = {
            "id": f"in{message_id}",
            "roomId": self.address(sender),
            "roomType": "direct",
            "personId": f"person{sender}",
            "personEmail": f"{sender}@example.com",
            "created": "2023-11-14T22:13:20.000Z",
            **more,
        }
        self.messages[found["id"]] = found
        hidden = ("text", "html", "markdown")
        return self.hook("messages", event, {name: value for name, value in found.items() if name not in hidden})

    def mention(self, sender: str, text: str, message_id: str) -> Webhook:
        """Return the webhook of a message in a group, which must mention the bot."""
        shown = f'<p><spark-mention data-object-type="person" data-object-id="{BOT_ID}">Small</spark-mention> '
        mentioned: dict[str, Any] = {
            "html": f"{shown}{html.escape(text)}</p>",
            "mentionedPeople": [BOT_ID],
            "roomType": "group",
        }
        return self.message(sender, message_id, text=f"Small {text}", **mentioned)

    def own(self, text: str, message_id: str) -> Webhook:
        """Return the webhook of a message that the bot itself has sent."""
        return self.message("1001", message_id, text=text, personId=BOT_ID, personEmail="small@webex.bot")

    def text(self, sender: str, text: str, message_id: str) -> Webhook:
        return self.message(sender, message_id, text=text)

    def attachment(self, sender: str, message_id: str) -> Webhook:
        return self.message(sender, message_id, files=[f"{self.url}/v1/contents/file1"])

    def unknown(self) -> Webhook:
        return self.hook("memberships", "created", {"id": "m1", "roomId": "room1", "personId": "person1"})

    def forged(self, hook: Webhook) -> list[Webhook]:
        return [
            Webhook(body=hook.body),
            sign(hook.body, "another"),
            Webhook(body=hook.body + b" ", headers=hook.headers),
            Webhook(body=hook.body, headers={**hook.headers, "X-Spark-Signature": ""}),
        ]

    def signed(self, body: bytes) -> Webhook:
        return sign(body)

    def malformed(self) -> list[Webhook]:
        """Return also webhooks of messages that do not exist, or whose ids are not ids."""
        ids: list[Any] = ["gone", "../people/me", "a b", "", None, 7, ["x"], "x" * 3000]
        return [*super().malformed(), *(self.hook("messages", "created", {"id": one}) for one in ids)]

    def press(self, sender: str, button: tuple[str, str], message_id: str) -> Webhook:
        """Return the webhook of a submitted card; its inputs contain the data of the action."""
        shown = next(one for one in reversed(self.sent) if button in one.buttons)
        actions = [one for card in shown.raw["attachments"] for one in _actions(card["content"])]
        action = next(one for one in actions if (one["title"], as_json(one.get("data")).decode()) == button)
        common = {"id": f"act{message_id}", "type": "submit", "messageId": "out1", "personId": f"person{sender}"}
        common = {**common, "roomId": self.address(sender), "created": "2023-11-14T22:13:20.000Z"}
        self.actions[common["id"]] = {**common, "inputs": action["data"]}
        return self.hook("attachmentActions", "created", common)


def _is_authorized(request: web.Request) -> bool:
    return request.headers.get("Authorization") == f"Bearer {TOKEN}"


def _actions(content: dict[str, Any]) -> list[dict[str, Any]]:
    sets = [one for one in content.get("body", ()) if one.get("type") == "ActionSet"]
    return [*content.get("actions", ()), *(action for one in sets for action in one["actions"])]


def _problem(given: dict[str, Any]) -> str:
    """Return which documented rule of "Create a Message" or of cards a request breaks."""
    if unknown := only(given, MESSAGE):
        return f"unknown fields: {unknown}"
    if not given.get("roomId"):
        return "roomId cannot be null"
    # a card needs one of them as a fallback
    if not any(given.get(name) for name in ("text", "markdown", "html", "files")):
        return "at least one of text, markdown, html and files is required"
    if any(len(given.get(name, "").encode()) > MAX_TEXT for name in ("text", "markdown", "html")):
        return "Message length limited to 7439 characters"
    files = given.get("files", [])
    if len(files) > 1 or any(not str(one).startswith(("http://", "https://")) for one in files):
        return "only one file, which is a public URL, is allowed"
    cards = given.get("attachments", [])
    if len(cards) > 1 or (cards and files):
        return "only one card is allowed, and no files with it"
    return next(filter(None, (_problem_of_card(one) for one in cards)), "")


def _problem_of_card(attachment: dict[str, Any]) -> str:
    if only(attachment, "contentType content") or attachment.get("contentType") != CARD:
        return "attachments[0].contentType"
    content = attachment["content"]
    if unknown := only(content, CARD_FIELDS):
        return f"unknown fields of a card: {unknown}"
    if content.get("type") != "AdaptiveCard" or content.get("version") not in ("1.0", "1.1", "1.2", "1.3"):
        return "type or version of a card; Webex supports 1.3"
    if len(as_json(content)) > MAX_CARD:
        return "the card is too large"
    if any(one.get("type") not in ELEMENTS.split() for one in content.get("body", ())):
        return "unknown element of a card"
    for action in _actions(content):
        if unknown := only(action, ACTIONS.get(action.get("type", ""), "")):
            return f"unknown fields of an action: {unknown}"
        if not action.get("title"):
            return "an action needs a title"
    return ""


def _error(status: int, message: str) -> web.Response:
    error = {"message": message, "errors": [{"description": message}], "trackingId": "ROUTER_1"}
    return web.json_response(error, status=status)
