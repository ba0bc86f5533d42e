"""The option `web_chat` of `socketio:`: the look and the texts of the web chat, for the hosted page and other sites."""

import json
import re
from typing import Any, Final, Literal

import msgspec

from manent.channels.socketio.web_chat_words import FORMS, PLURAL, WORDS
from manent.extensions.options import WrongOption

COLOURS: Final = (
    "accent",
    "on-accent",
    "background",
    "surface",
    "wash",
    "text",
    "text-soft",
    "line",
    "edge",
    "rubric",
    "user-background",
    "user-text",
)
"""The colours that a site can set; see the custom properties in `docs/web-chat.md`."""

_COLOUR: Final = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_LENGTH: Final = re.compile(r"\d+(?:\.\d+)?(?:px|rem|em)?")
_FONT: Final = re.compile(r"[\w \-,'\"]{1,200}")
_MAX_TEXT: Final = 2_000
_MAX_SUGGESTIONS: Final = 12
_TEXTS: Final = ("title", "subtitle", "placeholder", "avatar", "launcher_icon", "greeting", "language")
_LINEAR: Final = 0.04045
"""The part of sRGB in which a channel is proportional to its luminance."""

_DARK: Final = "#000000"
_LIGHT: Final = "#ffffff"


class Suggestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A button that sends a payload."""

    title: str
    payload: str


class WebChatOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The option `web_chat`. An attribute of the element on a page takes precedence.

    Attributes:
        title: heading of the chat.
        subtitle: text below the heading.
        placeholder: placeholder of the text field.
        avatar: URL of the image beside the assistant's messages and in the header.
        launcher_icon: URL of the image on the floating button.
        greeting: text of an empty conversation.
        suggestions: buttons that are shown until the visitor writes: texts, or `{title, payload}`.
        colours: colour → value such as `#2a5d34`. The text on `accent` and `user-background` is black or white
            (the one with the higher contrast), unless `on-accent` or `user-text` is set.
        radius: corner radius, for example `4px`.
        font: font of the chat, as in CSS.
        theme: colour scheme.
        position: side of the floating button.
        language: languages of the interface, best first, separated by spaces.
        tone: how the texts address the visitor, in languages that have both forms.
        words: texts that replace those of the interface, by their keys in `web/src/ui/i18n/en.ts`. A text with plural
            forms is one text for all numbers, or plural category → text.
    """

    title: str | None = None
    subtitle: str | None = None
    placeholder: str | None = None
    avatar: str | None = None
    launcher_icon: str | None = None
    greeting: str | None = None
    suggestions: list[str | Suggestion] = []
    colours: dict[str, str] = {}
    radius: str | int | float | None = None
    font: str | None = None
    theme: Literal["auto", "light", "dark"] | None = None
    position: Literal["right", "left"] | None = None
    language: str | None = None
    tone: Literal["formal", "informal"] | None = None
    words: dict[str, Any] = {}

    def attributes(self) -> dict[str, str]:
        """Return the attributes of the element `<manent-chat>`."""
        found = {
            "heading": self.title,
            "subheading": self.subtitle,
            "placeholder": self.placeholder,
            "avatar": self.avatar,
            "launcher-icon": self.launcher_icon,
            "greeting": self.greeting,
            "suggestions": msgspec.json.encode(self.suggestions).decode() if self.suggestions else None,
            "colors": self._properties(),
            "theme": self.theme,
            "position": self.position,
            "lang": self.language,
            "tone": self.tone,
            "words": json.dumps(self.words, ensure_ascii=False) if self.words else None,
        }
        return {name: value for name, value in found.items() if value}

    def _properties(self) -> str:
        values = dict(self.colours)
        for ground, text in (("accent", "on-accent"), ("user-background", "user-text")):
            if ground in values:
                values.setdefault(text, text_on(values[ground]))
        if self.radius is not None:
            length = str(self.radius)
            values["radius"] = length if not length[-1].isdigit() else f"{length}px"
        if self.font is not None:
            values["font"] = self.font
        return ";".join(f"{name}:{value}" for name, value in values.items())


def check_web_chat(options: WebChatOptions) -> None:
    """Check the values that become part of a style or have a limit.

    Raises:
        WrongOption: a value is not valid.
    """
    for name, value in options.colours.items():
        place = ("colours", name)
        if name not in COLOURS:
            raise _wrong(place, f"one of: {', '.join(COLOURS)}", f'the colour "{name}"', COLOURS)
        if not _COLOUR.fullmatch(value):
            raise _wrong(place, 'a colour such as "#2a5d34", in quotes', f'"{value}"')
    if options.radius is not None and not _LENGTH.fullmatch(str(options.radius)):
        raise _wrong(("radius",), "a radius such as 4px", f'"{options.radius}"')
    if options.font is not None and not _FONT.fullmatch(options.font):
        raise _wrong(("font",), "a font such as Inter, sans-serif", f'"{options.font}"')
    if len(options.suggestions) > _MAX_SUGGESTIONS:
        raise _wrong(("suggestions",), f"at most {_MAX_SUGGESTIONS} suggestions", str(len(options.suggestions)))
    for name in _TEXTS:
        _check_text((name,), getattr(options, name) or "")
    for key, text in options.words.items():
        _check_words(key, text)


def _check_words(key: str, text: Any) -> None:
    """Check a text of the interface."""
    place = ("words", key)
    if key not in WORDS:
        expected = "the key of a text in web/src/ui/i18n/en.ts"
        raise _wrong(place, expected, f'the key "{key}"', WORDS)
    if key not in PLURAL or not isinstance(text, dict):
        _check_text(place, text)
        return
    for form, written in text.items():
        if form not in FORMS:
            raise _wrong((*place, form), f"one of: {', '.join(FORMS)}", f'the plural category "{form}"', FORMS)
        _check_text((*place, form), written)
    if "other" not in text:
        raise _wrong(place, "a text for the plural category `other`", f"only {', '.join(text) or 'an empty mapping'}")


def _check_text(place: tuple[str, ...], text: Any) -> None:
    if not isinstance(text, str):
        raise _wrong(place, "a string", "a mapping" if isinstance(text, dict) else f"{text!r}")
    if len(text) > _MAX_TEXT:
        raise _wrong(place, f"a text of at most {_MAX_TEXT} characters", f"{len(text)} characters")


def text_on(ground: str) -> str:
    """Return the one of black and white with the higher contrast on a colour, which is at least 4.58:1 (WCAG 2.2)."""
    light = _luminance(ground)
    return _LIGHT if 1.05 / (light + 0.05) >= (light + 0.05) / 0.05 else _DARK


def _luminance(colour: str) -> float:
    digits = colour.removeprefix("#")
    if len(digits) == 3:  # noqa: PLR2004  # the short form of a colour
        digits = "".join(digit * 2 for digit in digits)
    channels = [int(digits[start : start + 2], 16) / 255 for start in (0, 2, 4)]
    red, green, blue = [each / 12.92 if each <= _LINEAR else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _wrong(place: tuple[str, ...], expected: str, found: str, choices: tuple[str, ...] = ()) -> WrongOption:
    return WrongOption("web_chat", expected, found=found, within=place, choices=choices)
