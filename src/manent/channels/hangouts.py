"""The Google Chat channel, whose name in Rasa is `hangouts`. See `docs/channels/hangouts.md`.

With a service account, the bot's messages are sent over the Chat API, as for every messenger. Without one, the response
to a request contains the messages of the turn that the request starts. Google Chat accepts no others.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Sequence
from typing import Any, Final, Literal
from urllib.parse import quote

import jwt
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from manent.channels.inbox import bearer_token
from manent.channels.messenger import (
    ATTACHMENT,
    MAX_ATTACHMENTS,
    Incoming,
    MessengerChannel,
    MessengerOptions,
    Update,
    card_text,
    items_of,
    json_text,
    part_of,
    read_object,
    text_of,
    url_of,
)
from manent.channels.platform_tokens import InvalidToken, IssuedToken, PlatformKeys
from manent.channels.texts import numbered, shorten, split_text, texts_of, utf8_bytes
from manent.core.errors import Problem, ProjectError
from manent.core.events import BotUttered, Json
from manent.core.postbox import Route
from manent.extensions.finding import Site
from manent.extensions.options import Secret, WrongOption
from manent.runtime.choices import buttons_of, payload_of, short_payload
from manent.runtime.ports.channel import SendLater

log = logging.getLogger("manent.channels")

ISSUER: Final = "chat@system.gserviceaccount.com"
SCOPE: Final = "https://www.googleapis.com/auth/chat.bot"
GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_S: Final = 3_600

MAX_MESSAGE: Final = 32_000
"""Bytes of a message with its cards."""

MAX_TEXT: Final = 8_000
"""Bytes of a text, so that a message with a card stays below the limit, also with JSON escapes."""

MAX_BUTTONS: Final = 10
MAX_TITLE: Final = 100
MAX_PAYLOAD: Final = 300

WAIT_S: Final = 25.0
"""How long a response waits for the turn. Google Chat waits 30 s."""

POLL_S: Final = 0.1

USER_ADDED: Final = "/user_added"
ROOM_ADDED: Final = "/room_added"
BOT_REMOVED: Final = "/bot_removed"
"""Texts of messages that say who added or removed the bot, as in Rasa."""


class ServiceAccount(msgspec.Struct, frozen=True):
    """What the channel uses of the key file of a service account."""

    client_email: str
    private_key: str
    token_uri: str = "https://oauth2.googleapis.com/token"  # noqa: S105  # an address
    private_key_id: str | None = None


class HangoutsOptions(MessengerOptions, frozen=True, kw_only=True):
    """The `hangouts:` section of `credentials.yml`.

    Attributes:
        project_id: number of the app's Google Cloud project. Without it, other apps of Google Chat can send requests.
        service_account: key file of a service account: its path, or its content. Without it, the bot can only answer.
        conversation_granularity: what one conversation is: a person, a person in a space, or a person in a thread.
        api_url: base of the Chat API.
        keys_url: key set with which Google Chat signs requests.
    """

    project_id: str | int | None = None
    service_account: Secret | None = None
    conversation_granularity: Literal["sender", "space", "thread"] = "sender"
    api_url: str = "https://chat.googleapis.com"
    keys_url: str = f"https://www.googleapis.com/service_accounts/v1/jwk/{ISSUER}"

    def __post_init__(self) -> None:
        """Check the options.

        Raises:
            WrongOption: an address is not one, or the content of the service account's key file is not right.
        """
        super().__post_init__()
        if self.service_account is not None and self.service_account.lstrip().startswith("{"):
            try:
                read_account(self.service_account)
            except ValueError as error:
                raise WrongOption("service_account", f"the key file of a service account: {error}") from error


class HangoutsChannel(MessengerChannel):
    """`POST /webhooks/hangouts/webhook`. Implements `Channel` and `Messenger`."""

    name = "hangouts"
    options = HangoutsOptions
    max_buttons = MAX_BUTTONS
    shown_card_buttons = MAX_BUTTONS

    def __init__(self, options: HangoutsOptions, account: ServiceAccount | None = None) -> None:
        super().__init__()
        self._options = options
        self._account = account
        self._keys = PlatformKeys(self.api, self._keys_url)
        self._token = IssuedToken(self._fetch_token)
        notes = []
        if options.project_id is None:
            notes.append("without project_id, other apps of Google Chat can send requests to the webhook")
        if account is None:
            notes.append("without service_account, reminders and operators' messages do not reach Google Chat")
        self.notes = tuple(notes)

    @classmethod
    def from_options(cls, options: HangoutsOptions, site: Site) -> "HangoutsChannel":
        """Return a channel. A relative path of the key file starts from the project's folder.

        Raises:
            ProjectError: the key file cannot be read, or it is not the key file of a service account.
        """
        given = options.service_account
        if given is None:
            return cls(options)
        try:
            text = given if given.lstrip().startswith("{") else (site.root / given).read_text(encoding="utf-8")
            return cls(options, read_account(text))
        except (OSError, ValueError) as error:
            problem = Problem(
                file="credentials.yml",
                line=0,
                path="hangouts.service_account",
                code="credentials.service-account",
                found=f"a key file that cannot be used ({error})",
                expected="the path or the content of the key file of a Google service account",
            )
            raise ProjectError([problem]) from error

    async def _keys_url(self) -> str:
        return self._options.keys_url

    async def _fetch_token(self) -> tuple[str, float]:
        assert self._account is not None, "called only with an account"  # noqa: S101
        now, account = int(time.time()), self._account
        claims = {"iss": account.client_email, "scope": SCOPE, "aud": account.token_uri}
        key_id = {"kid": account.private_key_id} if account.private_key_id else None
        times = {"iat": now, "exp": now + ASSERTION_S}
        assertion = jwt.encode({**claims, **times}, account.private_key, algorithm="RS256", headers=key_id)
        form = {"grant_type": GRANT, "assertion": assertion}
        answer = await self.api.call("POST", account.token_uri, form=form)
        token, lifetime_s = text_of(answer.json, "access_token"), part_of(answer.json, "expires_in")
        if not token:
            reason = text_of(answer.json, "error_description") or f"status {answer.status}"
            raise SendLater(f"Google issued no token for {account.client_email}: {reason[:200]}")
        return token, float(lifetime_s) if isinstance(lifetime_s, int | float) else 0.0

    async def verify(self, request: Request, body: bytes) -> None:
        """See `MessengerChannel.verify`."""
        del body  # Google signs a token, and not the body
        project = self._options.project_id
        audience = None if project is None else str(project)
        try:
            await self._keys.claims_of(bearer_token(request) or "", issuer=ISSUER, audience=audience)
        except InvalidToken as error:
            self.refuse(str(error), status=401)

    async def read(self, request: Request, body: bytes) -> Update:
        """See `MessengerChannel.read`."""
        del request
        event = read_object(body)
        messages = self.incoming(event)
        ignored = [] if messages else [f"an event of the type {text_of(event, 'type')[:50]}, or without a text"]
        answer: Json = {}
        if self._account is None and messages and await self.accept(messages):
            answer = await self._answer(messages)
            messages = []
        return Update(messages=messages, ignored=ignored, answer=_json(answer))

    def incoming(self, event: dict[str, Any]) -> list[Incoming]:
        """Convert an event to messages. Google Chat sends two events if a mention adds the bot to a space."""
        user, space = text_of(event, "user", "name"), text_of(event, "space", "name")
        message, kind = part_of(event, "message"), text_of(event, "type")
        if not user or not space or text_of(event, "user", "type") == "BOT":
            return []
        thread = text_of(message, "thread", "name")
        is_direct = text_of(event, "space", "spaceType") == "DIRECT_MESSAGE" or text_of(event, "space", "type") == "DM"
        reference: Json = {"space": space, **({"thread": thread} if thread and not is_direct else {})}
        metadata: Json = {"hangouts": {"user": event.get("user"), "space": event.get("space"), "type": kind}}
        place: Json = {"address": self._address(user, space, thread), "reference": reference, "metadata": metadata}
        when = _digest(f"{text_of(event, 'eventTime')}\0{kind}\0{user}\0{space}\0{json_text(event.get('action'))}")
        found = []
        if kind == "ADDED_TO_SPACE":
            found.append(Incoming(**place, text=USER_ADDED if is_direct else ROOM_ADDED, message_id=when))
        elif kind == "REMOVED_FROM_SPACE":
            found.append(Incoming(**place, text=BOT_REMOVED, message_id=when))
        elif kind == "CARD_CLICKED":
            text, title = _clicked(event)
            found += [Incoming(**place, text=text, title=title, message_id=when)] if text else []
        if kind in ("MESSAGE", "ADDED_TO_SPACE") and isinstance(message, dict):
            text, files = _text(message), [_attachment(one) for one in items_of(message, "attachment")]
            own = {**metadata, "attachments": files[:MAX_ATTACHMENTS]} if files else metadata
            text = text or (ATTACHMENT if files else "")
            if text and (message_id := text_of(message, "name")):
                found.append(Incoming(**{**place, "metadata": own}, text=text, message_id=message_id))
        return found

    def _address(self, user: str, space: str, thread: str) -> str:
        granularity = self._options.conversation_granularity
        if granularity == "sender":
            return user
        return f"{user}_{thread}" if granularity == "thread" and thread else f"{user}_{space}"

    async def _answer(self, messages: Sequence[Incoming]) -> Json:
        """Return the messages of the turns that an event has started, as one message of Google Chat."""
        first, last = messages[0], messages[-1]
        until = asyncio.get_running_loop().time() + WAIT_S
        while True:
            found = await self.inbox.answers(last.address, after=None, message_id=last.message_id)
            if found.is_finished:
                if first is not last:  # these are only the messages of the last turn
                    found = await self.inbox.answers(first.address, after=None, message_id=first.message_id)
                return _merged([part for event in found.messages for part in self._parts(event)])
            if asyncio.get_running_loop().time() > until:
                log.warning(
                    "a turn did not end in time for the response, so its messages do not reach Google Chat; add"
                    " service_account to the section hangouts",
                    extra={"sender_id": last.address, "wait_s": WAIT_S},
                )
                return {}
            await asyncio.sleep(POLL_S)

    def shown(self, event: BotUttered) -> Sequence[Json]:
        """See `MessengerChannel.shown`: each part is a message. Without a service account, there are none to send."""
        return [] if self._account is None else self._parts(event)

    def _parts(self, event: BotUttered) -> list[Json]:
        data = event.data
        buttons = buttons_of(event)
        texts = texts_of(event, MAX_TEXT, split_paragraphs=False, measure=utf8_bytes)
        if len(buttons) > MAX_BUTTONS:
            texts, buttons = split_text(numbered(event.text or "", buttons), MAX_TEXT, utf8_bytes), []
        parts: list[Json] = [{"text": text} for text in texts]
        if buttons:
            parts[-1:] = [{**({"text": texts[-1]} if texts else {}), **_card([_button_list(buttons)])}]
        if image := data.get("image"):
            parts.append(_card([{"image": {"imageUrl": str(image)}}]))
        if (attachment := data.get("attachment")) and attachment != image:
            parts.append({"text": url_of(attachment) or shorten(json_text(attachment), MAX_TEXT // 4)})
        for element in items_of(data, "elements"):
            url, choices = (
                text_of(element, "image_url"),
                [one for one in items_of(element, "buttons") if one.get("title")],
            )
            widgets: list[Json] = [{"textParagraph": {"text": shorten(card_text(element), MAX_TEXT // 4)}}]
            widgets += [{"image": {"imageUrl": url}}] if url else []
            widgets += [_button_list(choices[:MAX_BUTTONS])] if choices else []
            parts.append(_card(widgets))
        if isinstance(custom := data.get("custom"), dict):
            parts.append(custom)
        return parts

    async def send_part(self, route: Route, part: Json, key: str) -> None:
        """See `Messenger.send_part`. Google Chat creates one message for each request id."""
        thread = text_of(route.reference, "thread")
        params = {"requestId": _digest(f"{route.sender_id}\0{key}")}
        if thread:
            part = {"thread": {"name": thread}, **part}
            params["messageReplyOption"] = "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD"
        await self._call("POST", f"{text_of(route.reference, 'space')}/messages", part, params)

    async def check(self) -> str:
        """Return which account sends messages.

        Raises:
            SendLater, Undeliverable: Google refused the account, or could not be reached.
        """
        if self._account is None:
            return "the bot answers in responses only, because there is no service_account"
        await self._call("GET", "spaces", None, {"pageSize": "1"})
        return f"messages are sent by {self._account.client_email}"

    async def _call(self, method: str, path: str, body: Json | None, params: dict[str, str]) -> None:
        token = await self._token.get()
        url = f"{self._options.api_url.rstrip('/')}/v1/{quote(path)}"
        headers = {"Authorization": f"Bearer {token}"}
        answer = await self.api.call(method, url, json=body, params=params, headers=headers)
        if answer.status == 401:  # noqa: PLR2004  # the token was revoked
            self._token.forget(token)
        answer.check(text_of(answer.json, "error", "message"))


def read_account(text: str) -> ServiceAccount:
    """Return the content of a service account's key file.

    Raises:
        ValueError: it is not one; the text shows no secrets.
    """
    try:
        account = msgspec.json.decode(text, type=ServiceAccount)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error
    try:
        jwt.encode({}, account.private_key, algorithm="RS256")
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise ValueError("private_key is not an RSA key in PEM format") from error
    return account


def _json(answer: Json) -> Response:
    return Response(msgspec.json.encode(answer), media_type="application/json")


def _text(message: dict[str, Any]) -> str:
    """Return a message's text without the mention of the bot. The text of a slash command has its name."""
    name = "text" if message.get("slashCommand") else "argumentText"
    return (text_of(message, name) or text_of(message, "text")).strip()


def _clicked(event: dict[str, Any]) -> tuple[str, str | None]:
    """Return text and title of a pressed button. Buttons of other senders have their text in the name of the method."""
    values = {text_of(one, "key"): text_of(one, "value") for one in items_of(event, "action", "parameters")}
    text = values.get("payload") or text_of(event, "action", "actionMethodName")
    return text, values.get("title") or None


def _attachment(found: dict[str, Any]) -> Json:
    mime = text_of(found, "contentType")
    return {
        "type": mime.partition("/")[0] or "file",
        "id": text_of(found, "attachmentDataRef", "resourceName") or text_of(found, "driveDataRef", "driveFileId"),
        "url": found.get("downloadUri"),
        "name": found.get("contentName"),
        "mime": mime or None,
        "size": None,
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:32]


def _card(widgets: list[Json]) -> Json:
    return {"cardsV2": [{"cardId": "card", "card": {"sections": [{"widgets": widgets}]}}]}


def _button_list(buttons: Sequence[dict[str, Any]]) -> Json:
    return {"buttonList": {"buttons": [_button(one) for one in buttons]}}


def _button(button: dict[str, Any]) -> Json:
    title = shorten(str(button["title"]), MAX_TITLE)
    if (url := button.get("url")) and not button.get("payload"):
        return {"text": title, "onClick": {"openLink": {"url": str(url)}}}
    values = {"payload": short_payload(payload_of(button), MAX_PAYLOAD), "title": title}
    parameters = [{"key": key, "value": value} for key, value in values.items()]
    return {"text": title, "onClick": {"action": {"function": "choose", "parameters": parameters}}}


def _merged(parts: Sequence[Json]) -> Json:
    """Return one message that contains the texts and the cards of several ones, as far as the limit allows."""
    merged: Json = {}
    for number, part in enumerate(parts):
        text = "\n\n".join(filter(None, (merged.get("text"), part.get("text"))))
        cards = [
            *merged.get("cardsV2", ()),
            *({**card, "cardId": f"card{number}"} for card in items_of(part, "cardsV2")),
        ]
        rest = {name: value for name, value in part.items() if name not in ("text", "cardsV2")}
        both = {**merged, **rest, **({"text": text} if text else {}), **({"cardsV2": cards} if cards else {})}
        if len(msgspec.json.encode(both)) > MAX_MESSAGE:
            log.warning("a response to Google Chat is too long; its end is not sent", extra={"bytes": MAX_MESSAGE})
            break
        merged = both
    return merged
