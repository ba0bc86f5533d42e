"""Microsoft's Bot Framework: the service's keys, its token endpoint, and a connector.

Rules come from "Authentication with the Bot Connector API" and "API reference for the Bot Framework Connector service"
(https://learn.microsoft.com/azure/bot-service/rest-api), and from "Format your bot messages" and "Cards" of Microsoft
Teams (https://learn.microsoft.com/microsoftteams/platform).
"""

import base64
import hashlib
import hmac
import json
import time
from typing import Any
from urllib.parse import parse_qs

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

from support.platforms.platform import Platform, Sent, Webhook, as_json, only
from support.rsa_keys import rsa_key

APP_ID = "1c0e8a6e-6d9a-4b0c-9d0a-7a3e4a1f5b11"
PASSWORD = "app~password"
ISSUER = "https://api.botframework.com"
BOT = f"28:{APP_ID}"
MAX_BYTES = 40 * 1024
MAX_BUTTONS = 6

ACTIVITY = (
    "type id text textFormat locale speak inputHint summary attachmentLayout attachments entities channelData"
    " suggestedActions from recipient conversation replyToId value name importance deliveryMode timestamp channelId"
    " serviceUrl membersAdded topicName"
)
ATTACHMENT = "contentType contentUrl content name thumbnailUrl"
HERO = "title subtitle text images buttons tap"
ACTION = "type title value text displayText image imageAltText channelData"
ACTION_TYPES = "openUrl imBack postBack playAudio playVideo showImage downloadFile signin call messageBack invoke"


class SigningKey:
    """A key with which the service signs, and the channels that it is endorsed for."""

    def __init__(self, kid: str, endorsements: list[str], name: str = "first") -> None:
        self.kid = kid
        self.endorsements = endorsements
        self.private = rsa_key(name)

    def public(self) -> dict[str, Any]:
        """Return the key as the keys document has it (Step 3: Get the list of valid signing keys)."""
        found: dict[str, Any] = RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {**found, "use": "sig", "kid": self.kid, "x5t": self.kid, "endorsements": self.endorsements}


class BotFramework(Platform):
    """The service for one bot, in the channel `msteams`.

    Attributes:
        keys: the keys in the keys document. Webhooks are signed with the last one.
        tokens: the access tokens that were issued and are still accepted.
        metadata_requests: how often the OpenID metadata was requested.
        token_requests: how often an access token was requested.
        typing: the visitors that were shown a typing indicator.
    """

    name = "botframework"
    max_text = MAX_BYTES // 2 - 2_000

    def __init__(self) -> None:
        super().__init__()
        self.keys = [SigningKey("key-1", ["msteams", "webchat"])]
        self.tokens: set[str] = set()
        self.metadata_requests = 0
        self.token_requests = 0
        self.typing: list[str] = []

    def credentials(self) -> str:
        return (
            f"botframework:\n  app_id: {APP_ID}\n  app_password: {PASSWORD}\n"
            f"  openid_url: {self.url}/v1/.well-known/openidconfiguration\n  login_url: {self.url}\n"
        )

    @property
    def service_url(self) -> str:
        """Base of the connector's API, which each activity contains."""
        return f"{self.url}/teams/"

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/v1/.well-known/openidconfiguration", self._metadata)
        app.router.add_get("/v1/.well-known/keys", self._keys)
        app.router.add_post("/{tenant}/oauth2/v2.0/token", self._token)
        app.router.add_post("/teams/v3/conversations/{conversation}/activities", self._activities)
        app.router.add_post("/teams/v3/conversations/{conversation}/activities/{reply_to}", self._activities)

    async def _metadata(self, _: web.Request) -> web.Response:
        self.metadata_requests += 1
        return web.json_response(
            {
                "issuer": ISSUER,
                "authorization_endpoint": "https://invalid.botframework.com",
                "jwks_uri": f"{self.url}/v1/.well-known/keys",
                "id_token_signing_alg_values_supported": ["RS256"],
                "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            }
        )

    async def _keys(self, _: web.Request) -> web.Response:
        return web.json_response({"keys": [key.public() for key in self.keys]})

    async def _token(self, request: web.Request) -> web.Response:
        """Issue an access token (Step 1: Request an access token from the login service)."""
        self.token_requests += 1
        given = {name: values[0] for name, values in parse_qs(await request.text()).items()}
        expected = {
            "grant_type": "client_credentials",
            "client_id": APP_ID,
            "client_secret": PASSWORD,
            "scope": "https://api.botframework.com/.default",
        }
        if request.match_info["tenant"] != "botframework.com":
            return self._reject(400, "invalid_request", "AADSTS90002: Tenant not found.")
        if given != expected:
            wrong = sorted(name for name in {*given, *expected} if given.get(name) != expected.get(name))
            error = {"error": "invalid_client", "error_description": f"AADSTS7000215: wrong {', '.join(wrong)}"}
            self.rejected.append(f"token request: {', '.join(wrong)}")
            return web.json_response(error, status=401)
        token = f"eyJ0eXAi.token-{self.token_requests}"
        self.tokens.add(token)
        answer = {"token_type": "Bearer", "expires_in": 3600, "ext_expires_in": 3600, "access_token": token}
        return web.json_response(answer)

    async def _activities(self, request: web.Request) -> web.Response:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self.tokens:
            error = {"error": {"code": "AuthorizationError", "message": "Authorization has been denied."}}
            return web.json_response(error, status=401)
        body = await request.text()
        given = json.loads(body)
        conversation = request.match_info["conversation"]
        if not conversation.startswith("a:conversation-"):
            return self._reject(404, "ConversationNotFound", "Conversation not found.")
        visitor = conversation.removeprefix("a:conversation-")
        if given.get("type") == "typing":
            self.typing.append(visitor)
            return web.json_response({"id": "typing"}, status=201)
        if len(body.encode("utf-16-le")) > MAX_BYTES:
            return self._reject(413, "MessageSizeTooBig", "Message size too large.")
        if problem := _problem(given):
            return self._reject(400, "BadSyntax", problem)
        text = given.get("text") or _text_of_cards(given)
        fault = await self.send(Sent(to=visitor, text=text, buttons=_buttons(given), raw=given))
        if fault == "cut":
            assert request.transport is not None
            request.transport.close()
        if fault == "busy":
            error = {"error": {"code": "TooManyRequests", "message": "Operation was rate limited."}}
            return web.json_response(error, status=429, headers={"Retry-After": "1"})
        if fault == "gone":
            error = {"error": {"code": "ConversationBlockedByUser", "message": "User blocked the conversation"}}
            return web.json_response(error, status=403)
        if fault == "down":
            return web.Response(status=502, text="Bad Gateway")
        return web.json_response({"id": f"reply-{self.attempts}"}, status=201)

    def _reject(self, status: int, code: str, message: str) -> web.Response:
        self.rejected.append(f"{code}: {message}")
        return web.json_response({"error": {"code": code, "message": message}}, status=status)

    def authorize(self, *, key: SigningKey | None = None, **claims: Any) -> dict[str, str]:
        """Return the headers of a request of the service (Step 4: Verify the JWT token).

        Args:
            key: the key that signs. None: the last one of the keys document.
            claims: claims that replace the right ones; None removes one.
        """
        key = key or self.keys[-1]
        now = int(time.time())
        right = {"iss": ISSUER, "aud": APP_ID, "nbf": now - 300, "exp": now + 3600, "serviceurl": self.service_url}
        payload = {name: value for name, value in {**right, **claims}.items() if value is not None}
        token = jwt.encode(payload, key.private, algorithm="RS256", headers={"kid": key.kid, "x5t": key.kid})
        return {"Content-Type": "application/json; charset=utf-8", "Authorization": f"Bearer {token}"}

    def activity(self, sender: str, message_id: str, **more: Any) -> dict[str, Any]:
        """Return an activity of a visitor in a personal chat."""
        return {
            "type": "message",
            "id": f"1700000000{message_id:0>3}",
            "timestamp": "2023-11-14T22:13:20.000Z",
            "serviceUrl": self.service_url,
            "channelId": "msteams",
            "from": {"id": sender, "name": "Ada", "aadObjectId": "5d6c"},
            "conversation": {"conversationType": "personal", "tenantId": "t1", "id": f"a:conversation-{sender}"},
            "recipient": {"id": BOT, "name": "Small"},
            **more,
        }

    def text(self, sender: str, text: str, message_id: str) -> Webhook:
        return self.signed(as_json(self.activity(sender, message_id, text=text, textFormat="plain", locale="en-US")))

    def attachment(self, sender: str, message_id: str) -> Webhook:
        image = {"contentType": "image/png", "contentUrl": "https://example.invalid/a.png", "name": "a.png"}
        return self.signed(as_json(self.activity(sender, message_id, attachments=[image])))

    def saw_work(self, sender: str) -> bool:
        return sender in self.typing

    def unknown(self) -> Webhook:
        return self.signed(as_json({**self.activity("1001", "9"), "type": "messageReaction", "reactionsAdded": []}))

    def forged(self, hook: Webhook) -> list[Webhook]:
        stranger = SigningKey(self.keys[-1].kid, ["msteams"], "second")
        now = int(time.time())
        plain = {"Content-Type": "application/json"}
        claims = {"iss": ISSUER, "aud": APP_ID, "exp": now + 3600, "serviceurl": self.service_url}
        by_text = _signed_with_the_public_key(self.keys[-1], claims)
        unsigned = jwt.encode(claims, "", algorithm="none")
        other_channel = json.loads(hook.body)
        other_channel["channelId"] = "directline"
        elsewhere = json.loads(hook.body)
        elsewhere["serviceUrl"] = "https://evil.example/"
        return [
            Webhook(body=hook.body, headers=plain),
            Webhook(body=hook.body, headers={**plain, "Authorization": "Bearer not.a.token"}),
            Webhook(body=hook.body, headers={**plain, "Authorization": f"Bearer {by_text}"}),
            Webhook(body=hook.body, headers={**plain, "Authorization": f"Bearer {unsigned}"}),
            Webhook(body=hook.body, headers=self.authorize(key=stranger)),
            Webhook(body=hook.body, headers=self.authorize(iss="https://sts.windows.net/another/")),
            Webhook(body=hook.body, headers=self.authorize(aud="another-bot")),
            Webhook(body=hook.body, headers=self.authorize(exp=now - 400, nbf=now - 4000)),
            Webhook(body=hook.body, headers=self.authorize(nbf=now + 400)),
            Webhook(body=hook.body, headers=self.authorize(serviceurl=None)),
            Webhook(body=as_json(elsewhere), headers=self.authorize()),
            Webhook(body=as_json(other_channel), headers=self.authorize()),
        ]

    def malformed(self) -> list[Webhook]:
        """Return bodies of wrong shapes. A body without its `serviceUrl` is not verified, so it is not among them."""
        whole = {"serviceUrl": self.service_url, "channelId": "msteams"}
        shapes: list[dict[str, Any]] = [
            whole,
            {**whole, "type": "message"},
            {**whole, "type": "message", "from": [], "conversation": "x", "text": 3},
            {**whole, "type": "message", "from": {"id": 7}, "conversation": {"id": None}, "attachments": "none"},
            {**whole, "type": ["message"], "id": {}},
            {**self.activity("1001", "7", text="x" * 70_000)},
        ]
        return [self.signed(as_json(shape)) for shape in shapes]

    def signed(self, body: bytes) -> Webhook:
        return Webhook(body=body, headers=self.authorize())

    def press(self, sender: str, button: tuple[str, str], message_id: str) -> Webhook:
        """Return what a press sends: the text of `imBack`, the text and value of `messageBack`, or a card's data."""
        shown = next(one for one in reversed(self.sent) if button in one.buttons)
        action = next(one for one in _actions(shown.raw) if (one["title"], _value(one)) == button)
        match action["type"]:
            case "messageBack":
                more = {"text": action.get("text", ""), "value": action.get("value")}
            case "Action.Submit":
                more = {"value": action.get("data")}
            case _:
                more = {"text": action["value"]}
        return self.signed(as_json(self.activity(sender, message_id, replyToId="1", **more)))


def _signed_with_the_public_key(key: SigningKey, claims: dict[str, Any]) -> str:
    """Return a token that a library accepts if it lets the token choose HS256: its secret is public."""
    header = {"alg": "HS256", "typ": "JWT", "kid": key.kid}
    signed = b".".join(base64.urlsafe_b64encode(as_json(part)).rstrip(b"=") for part in (header, claims))
    pem = key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    digest = base64.urlsafe_b64encode(hmac.new(pem, signed, hashlib.sha256).digest()).rstrip(b"=")
    return (signed + b"." + digest).decode()


def _problem(given: dict[str, Any]) -> str:
    """Return which documented rule of an activity, a card or an action a request breaks."""
    if unknown := only(given, ACTIVITY):
        return f"unknown fields: {unknown}"
    if given.get("type") != "message":
        return "type"
    if not isinstance(given.get("text", ""), str):
        return "text"
    if not given.get("text") and not given.get("attachments"):
        return "the message has neither text nor attachments"
    for attachment in given.get("attachments", ()):
        if unknown := only(attachment, ATTACHMENT):
            return f"unknown fields of an attachment: {unknown}"
        kind = attachment.get("contentType", "")
        if not kind or ("contentUrl" not in attachment and "content" not in attachment):
            return "an attachment needs contentType, and contentUrl or content"
        if kind == "application/vnd.microsoft.card.hero" and (unknown := only(attachment["content"], HERO)):
            return f"unknown fields of a hero card: {unknown}"
        if len(attachment.get("content", {}).get("buttons", ())) > MAX_BUTTONS:
            return "a card has at most six buttons"
    suggested = given.get("suggestedActions", {})
    if unknown := only(suggested, "to actions"):
        return f"unknown fields of suggestedActions: {unknown}"
    if len(suggested.get("actions", ())) > MAX_BUTTONS:
        return "at most six suggested actions"
    for action in _actions(given):
        if action["type"].startswith("Action."):
            continue
        if unknown := only(action, ACTION):
            return f"unknown fields of an action: {unknown}"
        if action["type"] not in ACTION_TYPES.split() or not action.get("title"):
            return "type or title of an action"
        if action["type"] != "messageBack" and not isinstance(action.get("value"), str):
            return "value of an action"
    return ""


def _actions(given: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the actions of cards, then the suggested ones."""
    contents = [one["content"] for one in given.get("attachments", ()) if "content" in one]
    found = [action for content in contents for action in (*content.get("buttons", ()), *content.get("actions", ()))]
    return [*found, *given.get("suggestedActions", {}).get("actions", ())]


def _value(action: dict[str, Any]) -> str:
    value = action.get("data") if action["type"].startswith("Action.") else action.get("value", action.get("text"))
    return value if isinstance(value, str) else json.dumps(value)


def _buttons(given: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((one["title"], _value(one)) for one in _actions(given) if one["type"] != "openUrl")


def _text_of_cards(given: dict[str, Any]) -> str:
    contents = [one.get("content", {}) for one in given.get("attachments", ())]
    return next((one["text"] for one in contents if one.get("text")), "")
