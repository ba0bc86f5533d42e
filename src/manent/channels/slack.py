"""The Slack channel, which receives events, button clicks and slash commands, and calls chat.postMessage.

`docs/channels/slack.md` describes it.
"""

import re
import time
from collections.abc import Sequence
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from manent.channels.inbox import Inbox
from manent.channels.media import UNKNOWN, File, Media
from manent.channels.messenger import (
    ATTACHMENT,
    Incoming,
    MessengerChannel,
    MessengerOptions,
    Update,
    card_text,
    form_fields,
    is_signature,
    items_of,
    part_of,
    read_object,
    text_of,
)
from manent.channels.texts import shorten, texts_of
from manent.core.events import BotUttered, Json
from manent.core.postbox import Route
from manent.extensions.options import Secret
from manent.runtime.choices import buttons_of, payload_of, short_payload
from manent.runtime.ports.channel import SendLater, Undeliverable

WINDOW_S: Final = 300.0
"""Maximum difference between the time of a signature and the server's clock."""

MAX_TEXT: Final = 4000
MAX_SECTION: Final = 3000
"""Maximum number of characters of a text and of a section block."""

MAX_BUTTON_TITLE: Final = 75
MAX_BUTTON_VALUE: Final = 2000
MAX_BUTTONS: Final = 25
"""Maximum number of elements in an actions block."""

MAX_IMAGE_URL: Final = 3000

_LATER: Final = frozenset(
    {
        "ratelimited",
        "rate_limited",
        "internal_error",
        "fatal_error",
        "service_unavailable",
        "request_timeout",
        "team_added_to_org",
        "not_authed",
        "invalid_auth",
        "token_expired",
        "token_revoked",
        "account_inactive",
        "missing_scope",
    }
)
"""Slack's errors after which a message is sent again: Slack is unavailable, or the credentials must be corrected."""

_VALUES: Final = (
    "value",
    "selected_date",
    "selected_time",
    "selected_user",
    "selected_channel",
    "selected_conversation",
)
_LINK: Final = re.compile(r"<((?:https?|mailto):[^|>]+)(?:\|([^>]+))?>")
_SIGNATURE_TIME: Final = re.compile(r"[0-9]{1,12}")


class SlackOptions(MessengerOptions, frozen=True, kw_only=True):
    """The `slack:` section of `credentials.yml`.

    Attributes:
        slack_token: the bot user's OAuth token (`xoxb-…`).
        slack_signing_secret: the app's signing secret.
        slack_channel: channel that receives all of the bot's messages. Default: the channel of the visitor's message.
        proxy: URL of an HTTP proxy for requests to Slack.
        use_threads: whether the bot replies in a thread below the visitor's message.
        conversation_granularity: whether a conversation belongs to a person, to a person in a channel, or to a person
            in a thread.
        slack_retry_reason_header: has no effect, because Manent always recognises a message that Slack delivers again.
        slack_retry_number_header: has no effect.
        errors_ignore_retry: has no effect.
        split_paragraphs: whether each paragraph of a text is sent as a separate message, as in Rasa.
        api_url: base URL of Slack's Web API.
    """

    slack_token: Secret
    slack_signing_secret: Secret
    slack_channel: str | None = None
    proxy: str | None = None
    use_threads: bool = False
    conversation_granularity: Literal["sender", "channel", "thread"] = "sender"
    slack_retry_reason_header: str = "x-slack-retry-reason"
    slack_retry_number_header: str = "x-slack-retry-num"
    errors_ignore_retry: Any = None
    split_paragraphs: bool = True
    api_url: str = "https://slack.com/api"


class SlackChannel(MessengerChannel):
    """`POST /webhooks/slack/webhook`. Implements `Channel` and `Messenger`."""

    name = "slack"
    options = SlackOptions
    max_buttons = 4 * MAX_BUTTONS
    shown_buttons = max_buttons
    shown_custom = (dict, list)

    def __init__(self, options: SlackOptions) -> None:
        super().__init__(proxy=options.proxy)
        self._options = options
        self._media = Media(self.name, options.slack_signing_secret, self.api, self._locate)

    def routes(self, inbox: Inbox) -> list[BaseRoute]:
        """See `Channel.routes`."""
        return [*super().routes(inbox), self._media.route()]

    async def _locate(self, file_id: str) -> File:
        """Ask Slack for a file's address. The token is sent to Slack's own addresses only."""
        found = part_of(await self._call("files.info", form={"file": file_id}), "file")
        url = text_of(found, "url_private_download") or text_of(found, "url_private")
        host, own = urlsplit(url), urlsplit(self._options.api_url)
        is_slack = host.scheme == "https" and (host.hostname or "").endswith(".slack.com")
        if not is_slack and (host.scheme, host.netloc) != (own.scheme, own.netloc):
            raise Undeliverable("the file is not at Slack")
        headers = {"Authorization": f"Bearer {self._options.slack_token}"}
        return File(url=url, headers=headers, mime=text_of(found, "mimetype") or UNKNOWN)

    async def verify(self, request: Request, body: bytes) -> None:
        """See `MessengerChannel.verify`."""
        moment = request.headers.get("x-slack-request-timestamp", "")
        given = request.headers.get("x-slack-signature", "")
        base = b"v0:" + moment.encode() + b":" + body
        if not is_signature(given.removeprefix("v0="), self._options.slack_signing_secret, base):
            self.refuse("the signature is missing or wrong", status=401)
        if not _SIGNATURE_TIME.fullmatch(moment) or abs(time.time() - int(moment)) > WINDOW_S:
            self.refuse("the signature is too old", status=401)

    async def read(self, request: Request, body: bytes) -> Update:
        """See `MessengerChannel.read`."""
        if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            update: dict[str, Any] = dict(form_fields(body))
            incoming = self._command(update) if "command" in update else self._interaction(update)
        else:
            update = read_object(body)
            if update.get("type") == "url_verification":
                return Update(answer=Response(text_of(update, "challenge"), media_type="text/plain"))
            incoming = self._event(update)
        if incoming:
            return Update(messages=incoming)
        kind = text_of(update, "event", "type") or text_of(update, "type")
        return Update(ignored=[f"an event of the type {kind[:50]}"])

    def _event(self, update: dict[str, Any]) -> list[Incoming]:
        """Convert an event callback to messages. Ignore edits, deletions, and messages from bots."""
        event = update.get("event")
        kind, subtype = text_of(event, "type"), text_of(event, "subtype")
        user = text_of(event, "user")
        bots = {text_of(one, "user_id") for one in items_of(update, "authorizations") if one.get("is_bot")}
        if kind not in {"message", "app_mention"} or subtype not in {"", "file_share", "thread_broadcast"}:
            return []
        if not user or user in bots or text_of(event, "bot_id"):
            return []
        # A mention in a channel that the bot has joined is delivered as two events with one `client_msg_id`.
        message_id = text_of(event, "client_msg_id") or text_of(event, "ts") or text_of(update, "event_id")
        metadata: Json = {"slack": {name: part_of(event, name) for name in ("channel", "channel_type", "team", "ts")}}
        files = [self._attachment(one) for one in items_of(event, "files")]
        if files:
            metadata["attachments"] = files
        text = clean_text(text_of(event, "text"), bots) or (ATTACHMENT if files else "")
        if not message_id or not text:
            return []
        place = self._place(user, text_of(event, "channel"), text_of(event, "thread_ts"), text_of(event, "ts"))
        return [Incoming(**place, text=text, message_id=message_id, metadata=metadata)]

    def _attachment(self, file: dict[str, Any]) -> Json:
        mime = text_of(file, "mimetype")
        return {
            "type": mime.partition("/")[0] or "file",
            "url": self._media.url(text_of(file, "id")) if file.get("id") else file.get("url_private"),
            "id": file.get("id"),
            "name": file.get("name"),
            "mime": mime or None,
            "size": file.get("size"),
        }

    def _place(self, user: str, channel: str, thread: str, ts: str) -> dict[str, Any]:
        """Return the address of a conversation and the reference for posting its replies."""
        address, granularity = user, self._options.conversation_granularity
        if granularity != "sender" and channel:
            address += f"_{channel}"
        if granularity == "thread" and (thread or ts):
            address += f"_{thread or ts}"
        reference: Json = {"channel": channel or user}
        if self._options.use_threads or granularity == "thread":
            reference["thread_ts"] = thread or ts
        return {"address": address, "reference": reference}

    def _interaction(self, form: dict[str, str]) -> list[Incoming]:
        """Convert a button click, a menu selection or a selected date to a message."""
        payload = read_object(form.get("payload", "").encode())
        user = text_of(payload, "user", "id")
        channel = text_of(payload, "channel", "id")
        thread, ts = text_of(payload, "message", "thread_ts"), text_of(payload, "message", "ts")
        found = []
        for number, action in enumerate(items_of(payload, "actions")):
            value, title = _choice(action)
            message_id = f"{text_of(payload, 'trigger_id') or text_of(action, 'action_ts')}:{number}"
            if user and value:
                metadata: Json = {"slack": {"channel": channel, "action_id": action.get("action_id")}}
                place = self._place(user, channel, thread, ts)
                found.append(
                    Incoming(**place, text=value, title=title or None, message_id=message_id, metadata=metadata)
                )
        return found

    def _command(self, form: dict[str, str]) -> list[Incoming]:
        """Convert a slash command to a message with the command as its text: `/restart` restarts the conversation."""
        user, channel = form.get("user_id", ""), form.get("channel_id", "")
        message_id = form.get("trigger_id", "")
        if not user or not message_id:
            return []
        metadata: Json = {"slack": {"channel": channel, "command": form["command"], "arguments": form.get("text", "")}}
        place = self._place(user, channel, "", "")
        return [Incoming(**place, text=form["command"], message_id=message_id, metadata=metadata)]

    def shown(self, event: BotUttered) -> Sequence[Json]:
        """Return the arguments of chat.postMessage, except the channel, for each part. See `MessengerChannel.shown`."""
        data = event.data
        buttons = buttons_of(event)[: self.max_buttons]
        texts = texts_of(event, MAX_TEXT, split_paragraphs=self._options.split_paragraphs and not buttons)
        parts: list[Json] = [{"text": text} for text in texts]
        if buttons:
            text = texts[-1] if texts else "…"
            last = {"text": text, "blocks": [*_sections(text), *_actions(buttons)]}
            parts = [*parts[:-1], last]
        if image := data.get("image"):
            url = str(image)
            block = {"type": "image", "image_url": url[:MAX_IMAGE_URL], "alt_text": url[:MAX_IMAGE_URL]}
            parts.append({"text": url, "blocks": [block]})
        if (attachment := data.get("attachment")) and attachment != image:
            parts.append(_attached(attachment))
        for element in items_of(data, "elements"):
            text = card_text(element)
            actions = _actions([one for one in items_of(element, "buttons") if one.get("title")])
            parts.append({"text": shorten(text, MAX_TEXT), "blocks": [*_sections(text), *actions]})
        custom = data.get("custom")
        if isinstance(custom, dict):
            parts.append({"text": "", **custom} if "text" not in custom else custom)
        elif isinstance(custom, list):
            parts.append({"text": "", "blocks": custom})
        return parts

    async def send_part(self, route: Route, part: Json, key: str) -> None:
        """See `Messenger.send_part`."""
        del key  # chat.postMessage has no idempotency keys
        channel = self._options.slack_channel or text_of(route.reference, "channel")
        arguments: Json = {"channel": channel, "as_user": True, **part}
        if thread := text_of(route.reference, "thread_ts"):
            arguments.setdefault("thread_ts", thread)
        await self._call("chat.postMessage", arguments)

    async def check(self) -> str:
        """Return the name of the bot and its workspace.

        Raises:
            SendLater, Undeliverable: the token is wrong or Slack could not be reached.
        """
        found = await self._call("auth.test", {})
        return f"the bot is {text_of(found, 'user')} in {text_of(found, 'team')}"

    async def _call(self, method: str, arguments: Json | None = None, *, form: Json | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._options.slack_token}"}
        if form is None:
            headers["Content-Type"] = "application/json; charset=utf-8"
        url = f"{self._options.api_url.rstrip('/')}/{method}"
        answer = await self.api.call("POST", url, json=arguments, form=form, headers=headers)
        error = text_of(answer.json, "error")
        answer.check(error)
        if answer.json.get("ok") is True:
            return answer.json
        if error in _LATER or not error:
            raise SendLater(f"Slack answered {error or 'no JSON'}", retry_after=answer.retry_after)
        raise Undeliverable(f"Slack answered {error}")


def clean_text(text: str, bots: set[str]) -> str:
    """Return a text without mentions of the bot and Slack's escapes, and with each link replaced by its label."""
    for bot in bots:
        text = re.sub(rf"\s*<@{re.escape(bot)}(?:\|[^>]*)?>\s*", " ", text)
    text = _LINK.sub(lambda found: found[2] or found[1].removeprefix("mailto:"), text)
    for escaped, plain in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        text = text.replace(escaped, plain)
    return text.strip()


def _choice(action: dict[str, Any]) -> tuple[str, str]:
    """Return the value and the title of the selected element."""
    option = part_of(action, "selected_option")
    if option is not None:
        return text_of(option, "value"), text_of(option, "text", "text")
    for name in _VALUES:
        if found := text_of(action, name):
            return found, text_of(action, "text", "text") if name == "value" else ""
    return "", ""


def _sections(text: str) -> list[Json]:
    pieces = [text[start : start + MAX_SECTION] for start in range(0, len(text), MAX_SECTION)]
    return [{"type": "section", "text": {"type": "mrkdwn", "text": piece}} for piece in pieces]


def _actions(buttons: Sequence[dict[str, Any]]) -> list[Json]:
    made = [_button(number, button) for number, button in enumerate(buttons)]
    rows = [made[start : start + MAX_BUTTONS] for start in range(0, len(made), MAX_BUTTONS)]
    return [{"type": "actions", "elements": row} for row in rows]


def _button(number: int, button: dict[str, Any]) -> Json:
    title = {"type": "plain_text", "text": shorten(str(button["title"]), MAX_BUTTON_TITLE)}
    made: Json = {"type": "button", "action_id": f"button_{number}", "text": title}
    if (url := button.get("url")) and not button.get("payload"):
        return {**made, "url": url}
    return {**made, "value": short_payload(payload_of(button), MAX_BUTTON_VALUE)}


def _attached(attachment: Any) -> Json:
    if isinstance(attachment, dict):
        return {"text": text_of(attachment, "fallback") or text_of(attachment, "text"), "attachments": [attachment]}
    return {"text": attachment if isinstance(attachment, str) else msgspec.json.encode(attachment).decode()}
