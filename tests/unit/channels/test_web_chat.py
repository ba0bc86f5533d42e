"""The option `web_chat` of `socketio:`."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manent.channels.socketio.options import SocketIoOptions
from manent.channels.socketio.web_chat import _luminance, text_on
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
    "section",
    [
        "titel: Bakery",
        "colours: {accent: red}",
        "colours: {accent: '#fff;} body {display: none'}",
        "colours: {acent: '#ffffff'}",
        "radius: 4px;color:red",
        "font: 'x; } body { display: none'",
        "theme: blue",
        "suggestions: [{title: x}]",
        f"suggestions: [{', '.join('abcdefghijklm')}]",
        f"greeting: {'x' * 2_001}",
        "words: {send: 1}",
    ],
)
def test_wrong_values(tmp_path: Path, section: str) -> None:
    """An unknown option, and a value that could add other styles, are reported."""
    path = tmp_path / "credentials.yml"
    path.write_text(f"socketio:\n  web_chat:\n    {section}\n")
    with pytest.raises(ProjectError):
        read_credentials(path)
