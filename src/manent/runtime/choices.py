"""Adapts buttons to platforms: replaces long payloads by short keys, and numbers the buttons if there are too many.

No mapping is stored. The runtime looks up the visitor's choice in the newest bot messages of the log.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import Any, Final

from manent.core.conversation_log import LogEntry
from manent.core.events import BotUttered, UserUttered
from manent.runtime.visitor_messages import list_in, spoken

_SHORT_KEY: Final = re.compile(r"~[0-9a-f]{32}")
_NUMBER: Final = re.compile(r"[1-9][0-9]?[.)]?")

LOOK_BACK: Final = 50
"""Number of visible entries that are searched for a button."""


def buttons_of(event: BotUttered) -> list[dict[str, Any]]:
    """Return a bot message's buttons or quick replies that have a title."""
    found = list_in(event.data, "quick_replies", "buttons")
    return [one for one in found if isinstance(one, dict) and one.get("title")]


def payload_of(button: dict[str, Any]) -> str:
    """Return the text that a button sends: its payload, or its title if it has no payload."""
    return str(button.get("payload") or button["title"])


def short_payload(payload: str, max_bytes: int) -> str:
    """Return the payload if it fits into `max_bytes` bytes, or a key of 33 characters."""
    if len(payload.encode()) <= max_bytes and not _SHORT_KEY.fullmatch(payload):
        return payload
    return "~" + hashlib.sha256(payload.encode()).hexdigest()[:32]


def may_be_choice(text: str) -> bool:
    """Return whether `find_choice` can look up a text: whether it is a short key or a number."""
    return bool(_SHORT_KEY.fullmatch(text) or _NUMBER.fullmatch(text))


def find_choice(text: str, entries: Sequence[LogEntry], *, max_buttons: int) -> tuple[str, str] | None:
    """Return payload and title of the button that a visitor's text selects. None if it selects no button.

    Args:
        text: a short key, or a number.
        entries: the newest visible entries of the conversation, oldest first.
        max_buttons: see `Messenger`.
    """
    if _SHORT_KEY.fullmatch(text):
        bot = [spoken(entry.event) for entry in reversed(entries)]
        for button in (button for event in bot if event is not None for button in buttons_of(event)):
            if short_payload(payload_of(button), 0) == text:
                return payload_of(button), str(button["title"])
        return None
    number = int(text.rstrip(".)"))
    for entry in reversed(entries):
        if isinstance(entry.event, UserUttered):
            return None
        said = spoken(entry.event)
        if said is not None and (buttons := buttons_of(said)):
            if max_buttons < len(buttons) and number <= len(buttons):
                return payload_of(buttons[number - 1]), str(buttons[number - 1]["title"])
            return None
    return None
