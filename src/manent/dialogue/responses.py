"""Responses. Selects a variation of a response and fills in its templates.

Responses are compiled once when a model is loaded, so that no template is parsed during a turn. Actions use them
through `Acting`. Channels decide how to send a bot event.
"""

import logging
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from manent.core.domain import Domain, Variation
from manent.core.events import BotUttered, Json

log = logging.getLogger(__name__)

ACTION_FAILED = "utter_action_failed"
ACTION_FAILED_TEXT = "Sorry, something went wrong on my side. Please try again in a moment."
"""The message that the bot sends after a custom action failed, if the domain has no `utter_action_failed`."""

_DATA_KEYS = ("elements", "quick_replies", "buttons", "attachment", "image", "custom")
_PLACED_KEYS = frozenset((*_DATA_KEYS, "text"))
"""Keys of a message that are also fields of a bot event."""
_VARIABLE_KEYS = ("text", "image", "custom", "buttons", "attachment", "quick_replies")


@dataclass(frozen=True, slots=True)
class Template:
    """A text with placeholders. Literal pieces and names alternate; the first piece is a literal."""

    raw: str
    pieces: tuple[str, ...]

    def fill(self, get: Callable[[str], Any]) -> str:
        """Return the text with every name replaced by its value.

        If `get` raises KeyError for a name, log the name and return the text with its placeholders.
        """
        parts = list(self.pieces)
        try:
            for index in range(1, len(parts), 2):
                parts[index] = str(get(parts[index]))
        except KeyError as error:
            log.warning(
                "response text %r is sent with its placeholders, because {%s} is neither a slot nor an argument",
                self.raw,
                error.args[0],
            )
            return self.raw
        return "".join(parts)


def compile_text(text: str) -> "str | Template":
    """Split a template at its `{name}` placeholders.

    `{{` and `}}` stand for literal braces. A single brace that does not belong to a name is literal, too. If the text
    contains no names, return it as a string with each double brace replaced by a single one.
    """
    if "{" not in text and "}" not in text:
        return text
    pieces: list[str] = []
    literal: list[str] = []
    at = 0
    while at < len(text):
        char = text[at]
        if text[at : at + 2] in ("{{", "}}"):
            literal.append(char)
            at += 2
        elif char == "{" and (end := _name_end(text, at)) > 0:
            pieces += ["".join(literal), text[at + 1 : end]]
            literal = []
            at = end + 1
        else:
            literal.append(char)
            at += 1
    if not pieces:
        return "".join(literal)
    pieces.append("".join(literal))
    return Template(text, tuple(pieces))


def _name_end(text: str, start: int) -> int:
    """Return the index of the brace that closes the name opened at `start`, or -1 if it is not a name."""
    end = text.find("}", start)
    if end <= start + 1 or "{" in text[start + 1 : end] or "\n" in text[start + 1 : end]:
        return -1
    return end


def _compile(value: Any) -> Any:
    """Compile every string in a JSON value, as `compile_text` does."""
    match value:
        case str():
            return compile_text(value)
        case dict():
            return {key: _compile(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_compile(inner) for inner in value]
        case _:
            return value


def _is_variable(value: Any) -> bool:
    match value:
        case Template():
            return True
        case dict():
            return any(_is_variable(inner) for inner in value.values())
        case list():
            return any(_is_variable(inner) for inner in value)
        case _:
            return False


def _fill(value: Any, get: Callable[[str], Any]) -> Any:
    match value:
        case Template():
            return value.fill(get)
        case dict():
            return {key: _fill(inner, get) for key, inner in value.items()}
        case list():
            return [_fill(inner, get) for inner in value]
        case _:
            return value


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A compiled variation.

    Attributes:
        event: the complete event, if the variation has no templates.
        constant: keys whose values contain no templates.
        variable: keys whose values contain templates.
        channel: the output channel for which it is selected. None: all channels.
        conditions: (slot, value) pairs that must all match.
    """

    event: BotUttered | None
    constant: Json
    variable: tuple[tuple[str, Any], ...]
    channel: str | None
    conditions: tuple[tuple[str, Any], ...]


def _compile_variation(name: str, variation: Variation) -> _Compiled:
    values: Json = dict(variation.extras)
    for key in ("id", "text", "image", "custom", "attachment", "button_type", "channel", "metadata"):
        value = getattr(variation, key)
        if value is not None:
            values[key] = value
    for key in ("buttons", "quick_replies", "elements"):
        if getattr(variation, key):
            values[key] = list(getattr(variation, key))
    if variation.conditions:
        values["condition"] = list(variation.conditions)
    constant: Json = {}
    variable: list[tuple[str, Any]] = []
    for key, value in values.items():
        compiled = _compile(value) if key in _VARIABLE_KEYS else value
        if _is_variable(compiled):
            variable.append((key, compiled))
        else:
            constant[key] = compiled
    conditions = tuple(
        (condition["name"], condition.get("value")) for condition in variation.conditions if "name" in condition
    )
    event = None if variable else bot_event(constant, utter_action=name)
    return _Compiled(event, constant, tuple(variable), variation.channel, conditions)


class Responses:
    """All compiled responses of a domain."""

    def __init__(self, domain: Domain) -> None:
        self._variations = {
            name: tuple(_compile_variation(name, variation) for variation in variations)
            for name, variations in domain.responses.items()
        }
        self._constant = {
            name: variations[0].event
            for name, variations in self._variations.items()
            if len(variations) == 1 and not variations[0].conditions and variations[0].channel is None
        }

    def __contains__(self, name: object) -> bool:
        return name in self._variations

    def constant(self, name: str) -> BotUttered | None:
        """Return the event for a response whose only variation has neither templates nor conditions.

        Return None for other responses.
        """
        return self._constant.get(name)

    def event(
        self, name: str, *, slots: Mapping[str, Any], arguments: Mapping[str, Any], channel: str, rng: random.Random
    ) -> BotUttered | None:
        """Select a variation, fill in its templates and return its event.

        The arguments are the same as for `message`.
        """
        chosen = self._choose(name, slots, channel, rng)
        if chosen is None:
            return None
        if chosen.event is not None:
            return chosen.event
        return bot_event(_filled(chosen, slots, arguments), utter_action=name)

    def message(
        self, name: str, *, slots: Mapping[str, Any], arguments: Mapping[str, Any], channel: str, rng: random.Random
    ) -> Json | None:
        """Select a variation and fill in its templates.

        Args:
            name: the response, `utter_…`.
            slots: the values of all slots.
            arguments: more values. Arguments override slots with the same name.
            channel: name of the output channel.
            rng: selects one of several matching variations.

        Returns:
            A message as JSON with the given keys (`text, buttons, image, …`). None: no variation matches.
        """
        chosen = self._choose(name, slots, channel, rng)
        return None if chosen is None else _filled(chosen, slots, arguments)

    def _choose(self, name: str, slots: Mapping[str, Any], channel: str, rng: random.Random) -> _Compiled | None:
        variations = self._variations.get(name, ())
        if len(variations) == 1 and not variations[0].conditions and variations[0].channel is None:
            return variations[0]
        suitable = [each for each in variations if _holds(each.conditions, slots)]
        # Variations with conditions precede those without, and variations for this channel precede those for all
        # channels (contract §2).
        for wanted in (channel, None):
            for conditional in (True, False):
                found = [each for each in suitable if each.channel == wanted and bool(each.conditions) == conditional]
                if found:
                    return found[0] if len(found) == 1 else rng.choice(found)
        return None


def _filled(chosen: _Compiled, slots: Mapping[str, Any], arguments: Mapping[str, Any]) -> Json:
    def get(key: str) -> Any:
        return arguments[key] if key in arguments else slots[key]

    message = dict(chosen.constant)
    for key, value in chosen.variable:
        message[key] = _fill(value, get)
    return message


def _holds(conditions: Iterable[tuple[str, Any]], slots: Mapping[str, Any]) -> bool:
    return all(_equal(slots.get(name), value) for name, value in conditions)


def _equal(actual: Any, wanted: Any) -> bool:
    if isinstance(actual, str) and isinstance(wanted, str):
        return actual.casefold() == wanted.casefold()
    return bool(actual == wanted)


def bot_event(message: Mapping[str, Any], *, utter_action: str | None = None) -> BotUttered:
    """Create the bot event for a message. Store keys that are not fields of a bot event in its metadata."""
    data = {key: message.get(key) or None for key in _DATA_KEYS}
    if data["attachment"] is None:
        data["attachment"] = data["image"]  # some channels read the value from `data`
    metadata = {key: value for key, value in message.items() if key not in _PLACED_KEYS}
    if utter_action is not None:
        metadata["utter_action"] = utter_action
    return BotUttered(text=message.get("text"), data=data, metadata=metadata)
