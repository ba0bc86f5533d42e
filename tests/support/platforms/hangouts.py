"""Google Chat: the keys that sign its requests, Google's token endpoint, and the Chat API.

Rules come from https://developers.google.com/workspace/chat: "Verify requests from Google Chat", "Types of Chat app
interaction events", "Create a message" (spaces.messages.create), "Cards v2", and from
https://developers.google.com/identity/protocols/oauth2/service-account.
"""

import json
import time
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import RSAAlgorithm

from support.platforms.platform import Platform, Sent, Webhook, as_json, only
from support.rsa_keys import rsa_key

PROJECT = "1234567890"
ISSUER = "chat@system.gserviceaccount.com"
ACCOUNT = "small@small.iam.gserviceaccount.com"
SCOPE = "https://www.googleapis.com/auth/chat.bot"
MAX_MESSAGE = 32_000
"""Bytes of a message, with its cards."""

MESSAGE = "text cardsV2 thread fallbackText accessoryWidgets actionResponse"
QUERY = "requestId messageReplyOption messageId"
WIDGETS = "textParagraph image decoratedText buttonList divider grid columns textInput selectionInput"


class Hangouts(Platform):
    """One Chat app, with a service account.

    Attributes:
        kids: ids of the published keys. Requests are signed with the last one.
        tokens: the access tokens that are accepted.
        requests: the request ids that were used.
        with_account: whether the credentials contain the service account.
        events: number of events; each has another time.
    """

    name = "hangouts"
    max_text = MAX_MESSAGE - 1_000

    def __init__(self) -> None:
        super().__init__()
        self.kids = ["key-1"]
        self.tokens: set[str] = set()
        self.requests: dict[str, dict[str, Any]] = {}
        self.with_account = True
        self.events = 0

    def credentials(self) -> str:
        section = (
            f'hangouts:\n  project_id: "{PROJECT}"\n  api_url: {self.url}\n'
            f"  keys_url: {self.url}/service_accounts/v1/jwk/{ISSUER}\n"
        )
        return section + (f"  service_account: '{self.account()}'\n" if self.with_account else "")

    def account(self) -> str:
        """Return the key file of the service account."""
        pem = rsa_key("account").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return json.dumps(
            {
                "type": "service_account",
                "project_id": "small",
                "private_key_id": "account-key",
                "private_key": pem,
                "client_email": ACCOUNT,
                "token_uri": f"{self.url}/token",
            }
        )

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get(f"/service_accounts/v1/jwk/{ISSUER}", self._keys)
        app.router.add_post("/token", self._token)
        app.router.add_get("/v1/spaces", self._spaces)
        app.router.add_post("/v1/spaces/{space}/messages", self._create)

    async def _keys(self, _: web.Request) -> web.Response:
        listed = [{**RSAAlgorithm.to_jwk(rsa_key(kid).public_key(), as_dict=True), "kid": kid} for kid in self.kids]
        return web.json_response({"keys": [{**one, "use": "sig", "alg": "RS256"} for one in listed]})

    async def _token(self, request: web.Request) -> web.Response:
        """Issue an access token for a signed assertion (Using OAuth 2.0 for server to server applications)."""
        form = await request.post()
        try:
            assert form.get("grant_type") == "urn:ietf:params:oauth:grant-type:jwt-bearer"
            claims = jwt.decode(
                str(form.get("assertion")),
                rsa_key("account").public_key(),
                algorithms=["RS256"],
                audience=f"{self.url}/token",
            )
            assert claims["iss"] == ACCOUNT
            assert claims["scope"] == SCOPE
            assert claims["exp"] - claims["iat"] <= 3600
        except (AssertionError, jwt.PyJWTError, KeyError) as error:
            self.rejected.append(f"assertion: {error!r}")
            return web.json_response({"error": "invalid_grant", "error_description": "Invalid JWT"}, status=400)
        token = f"ya29.token-{len(self.tokens) + 1}"
        self.tokens.add(token)
        return web.json_response({"access_token": token, "expires_in": 3599, "token_type": "Bearer"})

    def _is_authorized(self, request: web.Request) -> bool:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return scheme == "Bearer" and token in self.tokens

    async def _spaces(self, request: web.Request) -> web.Response:
        if not self._is_authorized(request):
            return _error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        return web.json_response({"spaces": []})

    async def _create(self, request: web.Request) -> web.Response:
        if not self._is_authorized(request):
            return _error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        given = await request.json()
        if problem := only(dict(request.query), QUERY) or _problem(given):
            self.rejected.append(problem)
            return _error(400, "INVALID_ARGUMENT", problem)
        space = request.match_info["space"]
        request_id = request.query.get("requestId", "")
        if request_id in self.requests:  # "returns the message created with that ID instead of creating a new message"
            return web.json_response(self.requests[request_id])
        fault = await self.send(seen(space.removeprefix("space"), given))
        made = {"name": f"spaces/{space}/messages/out{self.attempts}", **given}
        if fault in (None, "cut") and request_id:
            self.requests[request_id] = made
        if fault == "cut":
            assert request.transport is not None
            request.transport.close()
        if fault == "busy":
            return _error(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).")
        if fault == "gone":
            return _error(404, "NOT_FOUND", "Chat space not found.")
        if fault == "down":
            return _error(503, "UNAVAILABLE", "The service is currently unavailable.")
        return web.json_response(made)

    def respond(self, sender: str, body: bytes) -> None:
        """Show the answer to a request as a message (Receive and respond to interaction events)."""
        given = json.loads(body)
        if not given:
            return
        if problem := _problem(given):
            self.rejected.append(problem)
        else:
            self.sent.append(seen(sender, given))

    # what visitors cause ----------------------------------------------------------------------------------------------

    def address(self, sender: str) -> str:
        return f"users/{sender}"

    def recipient(self, sender: str) -> str:
        return sender

    def authorize(self, *, kid: str = "", signer: str = "", **claims: Any) -> dict[str, str]:
        """Return the headers of a request of Google Chat.

        Args:
            kid: the key's id. "": the last one that is published.
            signer: the key that signs. "": the one of the id.
            claims: claims that replace the right ones; None removes one.
        """
        kid = kid or self.kids[-1]
        now = int(time.time())
        right = {"iss": ISSUER, "aud": PROJECT, "iat": now - 10, "exp": now + 3590}
        payload = {name: value for name, value in {**right, **claims}.items() if value is not None}
        token = jwt.encode(payload, rsa_key(signer or kid), algorithm="RS256", headers={"kid": kid})
        return {"Content-Type": "application/json", "Authorization": f"Bearer {token}", "User-Agent": "Google-Dynamite"}

    def event(self, sender: str, kind: str, *, room: bool = False, **more: Any) -> Webhook:
        """Return the request of any interaction event."""
        self.events += 1
        return self.signed(
            as_json(
                {
                    "type": kind,
                    "eventTime": f"2023-11-14T22:13:20.{self.events:06}Z",
                    "user": _user(sender),
                    "space": _space(sender, room=room),
                    **more,
                }
            )
        )

    def message(self, sender: str, message_id: str, *, room: bool = False, **content: Any) -> Webhook:
        """Return the request of a message."""
        space = _space(sender, room=room)
        message = {
            "name": f"{space['name']}/messages/in{message_id}",
            "sender": _user(sender),
            "createTime": "2023-11-14T22:13:20.000000Z",
            "thread": {"name": f"{space['name']}/threads/t1"},
            "space": space,
            **content,
        }
        return self.event(sender, "MESSAGE", room=room, message=message)

    def text(self, sender: str, text: str, message_id: str) -> Webhook:
        return self.message(sender, message_id, text=text, argumentText=text)

    def attachment(self, sender: str, message_id: str) -> Webhook:
        found = {
            "name": "spaces/s/messages/m/attachments/a",
            "contentName": "a.png",
            "contentType": "image/png",
            "downloadUri": "https://chat.google.com/api/get_attachment_url?url_type=DOWNLOAD_URL",
            "source": "UPLOADED_CONTENT",
            "attachmentDataRef": {"resourceName": "AATT"},
        }
        return self.message(sender, message_id, attachment=[found])

    def unknown(self) -> Webhook:
        return self.event("1001", "WIDGET_UPDATED")

    def forged(self, hook: Webhook) -> list[Webhook]:
        now = int(time.time())
        plain = {"Content-Type": "application/json"}
        unsigned = jwt.encode({"iss": ISSUER, "aud": PROJECT, "exp": now + 60}, "", algorithm="none")
        return [
            Webhook(body=hook.body, headers=plain),
            Webhook(body=hook.body, headers={**plain, "Authorization": f"Bearer {unsigned}"}),
            Webhook(body=hook.body, headers=self.authorize(signer="stranger")),
            Webhook(body=hook.body, headers=self.authorize(kid="unknown")),
            Webhook(body=hook.body, headers=self.authorize(iss="https://accounts.google.com")),
            Webhook(body=hook.body, headers=self.authorize(aud="9876543210")),
            Webhook(body=hook.body, headers=self.authorize(aud=None)),
            Webhook(body=hook.body, headers=self.authorize(exp=now - 400)),
        ]

    def signed(self, body: bytes) -> Webhook:
        return Webhook(body=body, headers=self.authorize())

    def press(self, sender: str, button: tuple[str, str], message_id: str) -> Webhook:
        """Return the request of a pressed button of a card."""
        shown = next(one for one in reversed(self.sent) if button in one.buttons)
        action = next(one["onClick"]["action"] for one in _buttons(shown.raw) if _pair(one) == button)
        parameters = action.get("parameters", [])
        common = {"invokedFunction": action["function"], "parameters": {one["key"]: one["value"] for one in parameters}}
        clicked = {"actionMethodName": action["function"], "parameters": parameters}
        when = f"2023-11-14T22:14:00.{message_id:0>6}Z"
        name = f"{_space(sender)['name']}/messages/out1"
        return self.event(sender, "CARD_CLICKED", action=clicked, common=common, eventTime=when, message={"name": name})


def seen(to: str, given: dict[str, Any]) -> Sent:
    """Return what a visitor sees of a message."""
    paragraphs = [one["textParagraph"]["text"] for one in _widgets(given) if "textParagraph" in one]
    text = given.get("text") or next(iter(paragraphs), "")
    buttons = tuple(_pair(one) for one in _buttons(given) if "action" in one["onClick"])
    return Sent(to=to, text=text, buttons=buttons, raw=given)


def _user(sender: str) -> dict[str, Any]:
    return {"name": f"users/{sender}", "displayName": "Ada", "email": "ada@example.com", "type": "HUMAN"}


def _space(sender: str, *, room: bool = False) -> dict[str, Any]:
    if room:
        return {"name": f"spaces/space{sender}", "type": "ROOM", "spaceType": "SPACE", "displayName": "All"}
    return {"name": f"spaces/space{sender}", "type": "DM", "spaceType": "DIRECT_MESSAGE", "singleUserBotDm": True}


def _widgets(given: dict[str, Any]) -> list[dict[str, Any]]:
    sections = [one for card in given.get("cardsV2", ()) for one in card.get("card", {}).get("sections", ())]
    return [widget for section in sections for widget in section.get("widgets", ())]


def _buttons(given: dict[str, Any]) -> list[dict[str, Any]]:
    return [button for widget in _widgets(given) for button in widget.get("buttonList", {}).get("buttons", ())]


def _pair(button: dict[str, Any]) -> tuple[str, str]:
    action = button["onClick"].get("action", {})
    values = {one["key"]: one["value"] for one in action.get("parameters", ())}
    return button["text"], values.get("payload", action.get("function", ""))


def _problem(given: dict[str, Any]) -> str:
    """Return which documented rule of a message or a card a request breaks."""
    if unknown := only(given, MESSAGE):
        return f'Invalid JSON payload received. Unknown name "{unknown}"'
    if len(as_json(given)) > MAX_MESSAGE:
        return "Message is too long"
    if not given.get("text") and not given.get("cardsV2"):
        return "Message cannot be empty"
    for card in given.get("cardsV2", ()):
        if only(card, "cardId card") or only(card["card"], "header sections name fixedFooter sectionDividerStyle"):
            return "unknown fields of a card"
        if not card["card"].get("sections"):
            return "a card needs a section"
    for widget in _widgets(given):
        if only(widget, f"{WIDGETS} horizontalAlignment") or len(widget) < 1:
            return "unknown widget"
    for button in _buttons(given):
        click = button.get("onClick", {})
        if only(button, "text icon color onClick disabled altText type") or not button.get("text"):
            return "unknown field of a button, or a button without a text"
        if only(click, "action openLink") or len(click) != 1:
            return "onClick"
        action = click.get("action", {})
        if only(action, "function parameters loadIndicator persistValues interaction"):
            return "unknown field of an action"
        if any(only(one, "key value") or not isinstance(one["value"], str) for one in action.get("parameters", ())):
            return "parameters of an action are keys and texts"
    return ""


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": status, "message": message, "status": code}}, status=status)
