"""Tests for channels/mattermost.py: what bot messages become."""

from typing import Any

from manent.channels.mattermost import MattermostChannel, MattermostOptions
from manent.core.events import BotUttered

OPTIONS = {"url": "https://chat/api/v4", "token": "t", "webhook_url": "https://bot/webhooks/mattermost/webhook"}


def channel(**options: Any) -> MattermostChannel:
    """Return a channel."""
    return MattermostChannel(MattermostOptions(**{**OPTIONS, **options}))


def test_a_missing_token_is_mentioned() -> None:
    """Without outgoing_token, the server warns at its start."""
    assert any("outgoing_token" in note for note in channel().notes)
    assert not channel(outgoing_token="secret").notes  # noqa: S106  # a value for a test


def test_buttons_are_signed() -> None:
    """The signature of a button depends on its payload, its title and the bot's token."""
    signatures = set()
    for options, button in (
        ({}, {"title": "A", "payload": "/a"}),
        ({}, {"title": "B", "payload": "/a"}),
        ({}, {"title": "A", "payload": "/b"}),
        ({"token": "u"}, {"title": "A", "payload": "/a"}),
    ):
        [part] = channel(**options).parts(BotUttered(text="Choose.", data={"buttons": [button]}))
        [action] = part["props"]["attachments"][0]["actions"]
        signatures.add(action["integration"]["context"]["signature"])
    assert len(signatures) == 4


def test_parts() -> None:
    """Links, images, files, cards and own posts become posts."""
    data = {
        "buttons": [{"title": "Site", "url": "https://s"}, {"title": "Go", "payload": "/go"}],
        "image": "https://example.invalid/a.png",
        "attachment": {"payload": {"src": "https://example.invalid/a.pdf"}},
        "elements": [{"title": "A", "subtitle": "B", "buttons": [{"title": "Go", "payload": "/go"}]}, {}],
        "custom": {"props": {"card": "c"}},
    }
    buttons, image, file, card, empty, custom = channel().parts(BotUttered(text="One.\n\nTwo.", data=data))
    links, actions = buttons["props"]["attachments"]
    assert (buttons["message"], links) == ("One.\n\nTwo.", {"text": "[Site](https://s)"})
    assert [one["name"] for one in actions["actions"]] == ["Go"]
    assert image["props"]["attachments"][0]["image_url"] == "https://example.invalid/a.png"
    assert file == {"message": "https://example.invalid/a.pdf"}
    assert card["props"]["attachments"][0] == {"title": "A", "text": "B"}
    assert empty["props"]["attachments"] == [{"text": "…"}]
    assert custom == {"message": "", "props": {"card": "c"}}
    assert len(channel().parts(BotUttered(text="One.\n\nTwo."))) == 2
