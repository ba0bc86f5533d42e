"""Converts events to the messages that a visitor sees.

`Numbering` uses these functions to find visible events. Channels and session requests use them to convert events. A bot
event with several attachments becomes several messages: its *parts*. For plain Rasa clients, each paragraph of a text
is also a part, as in Rasa, although this splits code and lists. Messages have the same keys as in Rasa's Socket.IO
channel.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from manent.core.conversation_log import LogEntry
from manent.core.events import AgentUttered, BotUttered, Event, Json, UserUttered

QUICK_REPLY_TYPE = "text"

Link = Callable[[str], str]
"""Returns a link for the id of a file."""


def spoken(event: Event) -> BotUttered | None:
    """Return what the bot said, or what an operator said in its place. None for other events.

    Channels without a form for operators send an operator's message like one of the bot.
    """
    if isinstance(event, BotUttered):
        return event
    if isinstance(event, AgentUttered) and event.operator:
        data = event.data if isinstance(event.data, dict) else {}
        return BotUttered(timestamp=event.timestamp, metadata=event.metadata, text=event.text, data=data)
    return None


def list_in(data: Json, *keys: str) -> list[Any]:
    """Return the first list of a bot message's data that is not empty, or [].

    Events from the API or from a custom action can contain values of other types under these keys.
    """
    for key in keys:  # faster than a generator by half; every bot message calls this several times
        found = data.get(key)
        if found and isinstance(found, list):
            return found
    return []


def bot_parts(event: BotUttered, *, plain: bool = False) -> list[Json]:
    """Return the payloads of a bot event in order, or [] if the event shows nothing.

    Custom JSON is `{"custom": <any JSON>}`. `plain_payload` converts it for plain Rasa clients.

    Args:
        event: the event.
        plain: build payloads for plain Rasa clients. Texts are split at blank lines, and buttons have only Rasa's keys.
    """
    data = event.data
    parts: list[Json] = _text_parts(event.text, list_in(data, "quick_replies", "buttons"), plain=plain)
    if (custom := data.get("custom")) is not None and custom != {}:
        parts.append({"custom": custom})
    if image := data.get("image"):
        parts.append({"attachment": {"type": "image", "payload": {"src": image}}})
    if (attachment := data.get("attachment")) and attachment != image:
        parts.append({"attachment": attachment})
    for element in list_in(data, "elements"):
        template = {"template_type": "generic", "elements": element}
        parts.append({"attachment": {"type": "template", "payload": template}})
    return parts


def _text_parts(text: str | None, buttons: list[Any], *, plain: bool) -> list[Json]:
    if not text and not buttons:
        return []
    texts = (text or "").strip().split("\n\n") if plain else [(text or "").strip()]
    if not buttons:
        return [{"text": part} for part in texts]
    parts: list[Json] = [{"text": part, "quick_replies": []} for part in texts]
    parts[-1]["quick_replies"] = [_quick_reply(button, plain=plain) for button in buttons if isinstance(button, dict)]
    return parts


def _quick_reply(button: Json, *, plain: bool) -> Json:
    reply: Json = {"content_type": QUICK_REPLY_TYPE, "title": button.get("title"), "payload": button.get("payload")}
    url = button.get("url")
    if not url:
        return reply
    if not plain:
        return {**reply, "url": url}
    # Rasa cannot send a button without a payload. The widget rasa-webchat shows a button with this type as a link.
    return reply if button.get("payload") else {**reply, "type": "web_url", "url": url}


def plain_payload(part: Json) -> Any:
    """Return a part for plain Rasa clients. Custom JSON is returned without the keys `custom` and `data` around it.

    Rasa passes the keys of custom JSON to the emit call, which accepts only the key `data`. Any other key raises an
    error in Rasa, and the turn is lost.
    """
    if "custom" not in part:
        return part
    custom = part["custom"]
    return custom["data"] if isinstance(custom, dict) and "data" in custom else custom


def is_visible(event: Event) -> bool:
    """Return whether a bot's or operator's message is visible.

    User events are visible if a channel accepted them. The caller must check this.
    """
    said = spoken(event)
    if said is None:
        return False
    # Most events have a text, so the parts need not be built.
    return bool(said.text) or bool(bot_parts(said))


def messages_of(entry: LogEntry, *, link: Link | None = None, names_operators: bool = False) -> list[Json]:
    """Return the protocol-1 messages of a visible entry, one per part.

    Args:
        entry: the entry.
        names_operators: whether messages of an operator have the role `agent` and name the operator. If not, they look
            like bot messages.
        link: returns a link for the id of a file. None: files have no links.

    Raises:
        ValueError: the entry is internal.
    """
    if entry.view is None:
        raise ValueError(f"event {entry.seq} is not visible")
    match entry.event:
        case UserUttered():
            parts = [_user_message(entry.event, entry.view.title, link)]
        case BotUttered():
            parts = [{"role": "bot", **part} for part in bot_parts(entry.event)]
        case AgentUttered():
            parts = _agent_messages(entry.event, names_operators=names_operators)
        case _:
            raise ValueError(f"event {entry.seq} is not a message")
    for number, part in enumerate(parts):
        part["seq"] = entry.seq
        part["id"] = f"{entry.seq}.{number}"
        part["parts"] = len(parts)
        part["prev"] = entry.view.prev
        part["timestamp"] = entry.event.timestamp
    if parts and entry.view.divider is not None:
        parts[0]["divider"] = entry.view.divider
    return parts


def _agent_messages(event: AgentUttered, *, names_operators: bool) -> list[Json]:
    said = spoken(event)
    parts = bot_parts(said) if said is not None else []
    if not names_operators:
        return [{"role": "bot", **part} for part in parts]
    operator: Json = msgspec.to_builtins(event.operator)
    return [{"role": "agent", **part, "operator": operator} for part in parts]


def _user_message(event: UserUttered, title: str | None, link: Link | None) -> Json:
    message: Json = {"role": "user", "message": event.text or "", "message_id": event.message_id}
    if title is not None:
        message["title"] = title
    elif message["message"].startswith("/"):
        message["payload"] = True
    if attachments := _attachments(event, link):
        message["attachments"] = attachments
    return message


def _attachments(event: UserUttered, link: Link | None) -> list[Json]:
    """Return a message's files, with new links. Metadata of other shapes comes from messengers."""
    found = event.metadata.get("attachments")
    files: list[Json] = []
    for one in found if isinstance(found, list) else ():
        match one:
            case {"file_id": str(file_id), "name": str(name), "mime": str(mime), "size": int(size), "url": str()}:
                file: Json = {"file_id": file_id, "name": name, "mime": mime, "size": size}
                files.append({**file, "url": link(file_id)} if link is not None else file)
    return files


def title_of(text: str, events: Iterable[Event]) -> str | None:
    """Return the title of the newest button whose payload is `text`.

    Args:
        text: the text that the client sent.
        events: recent events, newest first. The search ends at the first user event.
    """
    for event in events:
        match event:
            case UserUttered():
                return None
            case BotUttered():
                for button in [*list_in(event.data, "buttons"), *list_in(event.data, "quick_replies")]:
                    if isinstance(button, dict) and button.get("payload") == text and button.get("title") != text:
                        title = button.get("title")
                        return title if isinstance(title, str) else None
            case _:
                pass
    return None
