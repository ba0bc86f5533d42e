"""Buttons that a platform cannot show as they are: long payloads get a short key, and too many buttons get numbers.

Nothing is stored for either: the answer is looked up among the bot's last messages in the log.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import Any, Final

from manent.core.conversation_log import LogEntry
from manent.core.events import BotUttered, UserUttered

_SHORT_KEY: Final = re.compile(r"~[0-9a-f]{32}")
_NUMBER: Final = re.compile(r"[1-9][0-9]?[.)]?")

LOOK_BACK: Final = 50
"""Visible entries in which a button is looked up."""


def buttons_of(event: BotUttered) -> list[dict[str, Any]]:
    """Return the buttons or quick replies of a bot message that have a title."""
    found = event.data.get("quick_replies") or event.data.get("buttons") or ()
    return [one for one in found if isinstance(one, dict) and one.get("title")]


def payload_of(button: dict[str, Any]) -> str:
    """Return what a button sends: its payload, or else its title."""
    return str(button.get("payload") or button["title"])


def short_payload(payload: str, max_bytes: int) -> str:
    """Return a payload that fits into `max_bytes` bytes: itself, or a key of 33 characters."""
    if len(payload.encode()) <= max_bytes and not _SHORT_KEY.fullmatch(payload):
        return payload
    return "~" + hashlib.sha256(payload.encode()).hexdigest()[:32]


def may_be_choice(text: str) -> bool:
    """Return whether `find_choice` could find a button for this text."""
    return bool(_SHORT_KEY.fullmatch(text) or _NUMBER.fullmatch(text))


def find_choice(text: str, entries: Sequence[LogEntry], *, max_buttons: int) -> tuple[str, str] | None:
    """Return payload and title of the button that a visitor's text means. None: it means no button.

    Args:
        text: a short key, or a number.
        entries: the newest visible entries of the conversation, oldest first.
        max_buttons: see `Messenger`.
    """
    if _SHORT_KEY.fullmatch(text):
        bot = [entry.event for entry in reversed(entries) if isinstance(entry.event, BotUttered)]
        for button in (button for event in bot for button in buttons_of(event)):
            if short_payload(payload_of(button), 0) == text:
                return payload_of(button), str(button["title"])
        return None
    number = int(text.rstrip(".)"))
    for entry in reversed(entries):
        if isinstance(entry.event, UserUttered):
            return None
        if isinstance(entry.event, BotUttered) and (buttons := buttons_of(entry.event)):
            if max_buttons < len(buttons) and number <= len(buttons):
                return payload_of(buttons[number - 1]), str(buttons[number - 1]["title"])
            return None
    return None
