"""The option `web_chat` of `socketio:`."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manent.channels.socketio.options import SocketIoOptions
from manent.channels.socketio.web_chat import _luminance, text_on
from manent.channels.socketio.web_chat_words import PLURAL, WORDS
from manent.core.errors import ProjectError
from manent.extensions.options import convert
from manent.project.settings.credentials import read_credentials


def attributes(**section: object) -> dict[str, str]:
    """Return the attributes that a section gives."""
    options, wrong = convert(SocketIoOptions, {"web_chat": section})
    assert options is not None, wrong
    assert options.web_chat is not None
    return options.web_chat.attributes()


def test_a_section_becomes_attributes() -> None:
    """Each option is an attribute of the element; those that are not set are left to the page."""
    assert attributes(title="Bakery", subtitle="We are here", language="de en", launcher_icon="/icon.svg") == {
        "heading": "Bakery",
        "subheading": "We are here",
        "lang": "de en",
        "launcher-icon": "/icon.svg",
    }
    found = attributes(suggestions=["Hours", {"title": "Order", "payload": "/order"}], words={"send": "Los"})
    assert found == {
        "suggestions": '["Hours",{"title":"Order","payload":"/order"}]',
        "words": '{"send": "Los"}',
    }


def test_colours_become_custom_properties() -> None:
    """Text on the accent is black or white, unless it is set. A radius without unit is in pixels."""
    found = attributes(colours={"accent": "#ffcc00", "user-background": "#123"}, radius=4)
    assert found == {"colors": "accent:#ffcc00;user-background:#123;on-accent:#000000;user-text:#ffffff;radius:4px"}
    assert attributes(colours={"accent": "#ffcc00", "on-accent": "#333333"}) == {
        "colors": "accent:#ffcc00;on-accent:#333333"
    }


@given(st.integers(0, 0xFFFFFF))
def test_text_is_readable_on_every_colour(colour: int) -> None:
    """Black or white has a contrast of at least 4.5:1 on every colour."""
    ground = f"#{colour:06x}"
    light, dark = sorted((_luminance(ground), _luminance(text_on(ground))), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


@pytest.mark.parametrize(
    ("section", "place", "said"),
    [
        ("titel: Bakery", "titel", 'Did you mean "title"?'),
        ("colours: {accent: red}", "colours.accent", '"#2a5d34", in quotes'),
        ("colours: {accent: '#fff;} body {display: none'}", "colours.accent", "expected a colour"),
        ("colours: {acent: '#ffffff'}", "colours.acent", 'Did you mean "accent"?'),
        ("radius: 4px;color:red", "radius", "expected a radius"),
        ("font: 'x; } body { display: none'", "font", "expected a font"),
        ("theme: drak", "theme", 'Did you mean "dark"?'),
        ("tone: polite", "tone", "one of: formal, informal"),
        ("suggestions: [{title: x}]", "suggestions", "missing required field `payload`"),
        (f"suggestions: [{', '.join('abcdefghijklm')}]", "suggestions", "at most 12"),
        (f"greeting: {'x' * 2_001}", "greeting", "at most 2000 characters"),
        ("words: {send: 1}", "words.send", "expected a string"),
        ("words: {sned: Go}", "words.sned", 'Did you mean "send"?'),
        ("words: {send: {other: Go}}", "words.send", "expected a string"),
        ("words: {unread: {one: x}}", "words.unread", "category `other`"),
        ("words: {unread: {ohter: x}}", "words.unread.ohter", 'Did you mean "other"?'),
    ],
)
def test_wrong_values(tmp_path: Path, section: str, place: str, said: str) -> None:
    """Each mistake is reported at its line, with what was expected, and a similar name for a misspelt one."""
    path = tmp_path / "credentials.yml"
    path.write_text(f"socketio:\n  web_chat:\n    position: left\n    {section}\n")
    with pytest.raises(ProjectError) as raised:
        read_credentials(path)

    (problem,) = raised.value.problems
    assert (problem.line, problem.path) == (4, f"socketio.web_chat.{place}")
    assert said in str(problem)


def test_words_can_have_plural_forms() -> None:
    """A text with plural forms is one text, or a text for each category."""
    assert json.loads(attributes(words={"unread": "New: {}"})["words"]) == {"unread": "New: {}"}
    forms = {"one": "One reply", "other": "{} replies"}
    assert json.loads(attributes(words={"unread": forms})["words"]) == {"unread": forms}


def test_the_keys_of_words_are_those_of_the_web_chat() -> None:
    """The server knows the keys of all texts, and which of them have plural forms."""
    source = (Path(__file__).parents[3] / "web/src/ui/i18n/en.ts").read_text()
    texts = source.partition("export const en = {")[2].partition("\n};")[0]
    keys = dict(re.findall(r"^  (\w+):\s*(\{?)", texts, flags=re.MULTILINE))

    assert tuple(keys) == WORDS
    assert tuple(key for key, mark in keys.items() if mark) == PLURAL
