"""Fits bot messages to the limits of a platform: splits long texts, and numbers buttons that it cannot show."""

from collections.abc import Callable, Sequence
from typing import Any

from manent.core.events import BotUttered

Measure = Callable[[str], int]


def utf16_units(text: str) -> int:
    """Return the length of a text in UTF-16 code units, in which some platforms count."""
    return len(text.encode("utf-16-le", "replace")) // 2


def utf8_bytes(text: str) -> int:
    """Return the length of a text in bytes of UTF-8."""
    return len(text.encode("utf-8", "replace"))


def split_text(text: str, limit: int, measure: Measure = len) -> list[str]:
    """Split a text into pieces of at most `limit`, if possible between paragraphs, lines, sentences or words."""
    pieces = []
    rest = text.strip()
    while measure(rest) > limit:
        end = _longest_prefix(rest, limit, measure)
        cut = _cut(rest, end)
        pieces.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [*pieces, rest] if rest else pieces


def texts_of(event: BotUttered, limit: int, *, split_paragraphs: bool, measure: Measure = len) -> list[str]:
    """Split a bot message's text into pieces. With `split_paragraphs`, also split it at blank lines, as Rasa does."""
    text = (event.text or "").strip()
    paragraphs = text.split("\n\n") if split_paragraphs else [text]
    return [piece for paragraph in paragraphs for piece in split_text(paragraph, limit, measure)]


def numbered(text: str, buttons: Sequence[dict[str, Any]]) -> str:
    """Return the text, followed by the buttons on numbered lines."""
    lines = [f"{number}. {line_of(button)}" for number, button in enumerate(buttons, 1)]
    return "\n".join([*([text] if text else []), *lines])


def line_of(button: dict[str, Any]) -> str:
    """Return a button as a line of text: its title, and the address of the page that it opens, if any."""
    return f"{button['title']}: {url}" if (url := button.get("url")) else str(button["title"])


def shorten(text: str, limit: int) -> str:
    """Return a text of at most `limit` characters; a longer one ends in an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _longest_prefix(text: str, limit: int, measure: Measure) -> int:
    low, high = 1, min(len(text), limit)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if measure(text[:middle]) <= limit else (low, middle - 1)
    return low


def _cut(text: str, end: int) -> int:
    """Return the position of the cut, at most `end`: after the best separator in the second half."""
    for separators in (("\n\n",), ("\n",), (". ", "! ", "? ", "。"), (" ",)):
        cut = max(text.rfind(one, end // 2, end) + len(one) for one in separators)
        if cut > end // 2:
            return min(cut, end)
    return end
