"""Tests for channels/botframework.py: what becomes of activities, and of bot messages."""

from typing import Any

import pytest

from manent.channels.botframework import BotFrameworkChannel, BotFrameworkOptions
from manent.core.events import BotUttered

BOT = {"id": "28:bot", "name": "Small"}
ACTIVITY = {
    "type": "message",
    "id": "1",
    "timestamp": "t",
    "serviceUrl": "https://service/",
    "channelId": "msteams",
    "from": {"id": "29:ada"},
    "recipient": BOT,
    "conversation": {"id": "19:room"},
}
MENTION = {"type": "mention", "mentioned": BOT, "text": "<at>Small</at>"}


def channel(**options: Any) -> BotFrameworkChannel:
    """Return a channel."""
    options = {"app_id": "a", "app_password": "b", **options}
    return BotFrameworkChannel(BotFrameworkOptions(**options))


@pytest.mark.parametrize(
    ("activity", "text", "title"),
    [
        ({"text": "<at>Small</at> hello", "entities": [MENTION]}, "hello", None),
        ({"text": "ask <at>Ada &amp; Eve</at> then"}, "ask Ada & Eve then", None),
        ({"text": "/greet", "value": {"title": "Greet"}}, "/greet", "Greet"),
        ({"value": {"payload": "/order", "size": 3}}, "/order", None),
        ({"value": {"size": 3}}, "/card_submitted", None),
        ({"type": "messageReaction", "reactionsAdded": [{"type": "like"}]}, "/reaction", None),
    ],
)
def test_activities_become_messages(activity: dict[str, Any], text: str, title: str | None) -> None:
    """Mentions of the bot are removed, and cards and reactions have texts that a project can match."""
    found = channel().incoming({**ACTIVITY, **activity})
    assert found is not None
    assert (found.address, found.text, found.title) == ("29:ada", text, title)
    assert found.reference["conversation"] == "19:room"


def test_a_value_and_an_edit_are_in_the_metadata() -> None:
    """The value of a card is in the metadata, and an edited message is a new one."""
    card = channel().incoming({**ACTIVITY, "value": {"size": 3}})
    assert card is not None
    assert card.metadata["botframework"]["value"] == {"size": 3}
    edit = {**ACTIVITY, "type": "messageUpdate", "text": "bye", "channelData": {"eventType": "editMessage"}}
    edited = channel().incoming(edit)
    assert edited is not None
    assert (edited.text, edited.message_id, edited.metadata["edited"]) == ("bye", "1:t", True)


def test_a_new_member_is_welcomed_if_configured() -> None:
    """Adding the bot is a message only with the option `welcome`; adding somebody else never is."""
    added = {**ACTIVITY, "type": "conversationUpdate", "membersAdded": [BOT]}
    assert channel().incoming(added) is None
    found = channel(welcome="/greet").incoming(added)
    assert found is not None
    assert found.text == "/greet"
    assert channel(welcome="/greet").incoming({**added, "membersAdded": [{"id": "29:eve"}]}) is None


@pytest.mark.parametrize("wrong", [{"from": BOT}, {"text": ""}, {"type": "invoke", "text": "x"}, {"id": None}])
def test_other_activities_are_ignored(wrong: dict[str, Any]) -> None:
    """The bot's own activities, empty ones and unsupported kinds are not messages."""
    assert channel().incoming({**ACTIVITY, "text": "hello", **wrong}) is None


def test_parts() -> None:
    """Cards, links, images and own activities become activities."""
    element = {"title": "A", "subtitle": "B", "image_url": "https://i", "buttons": [{"title": "Go", "payload": "/go"}]}
    data = {
        "buttons": [{"title": "Site", "url": "https://s"}],
        "image": "https://example.invalid/a.png",
        "attachment": {"payload": {"src": "https://example.invalid/a.pdf"}},
        "elements": [element],
        "custom": {"text": "own"},
    }
    card, image, file, carousel, custom = channel().parts(BotUttered(text="One.\n\nTwo.", data=data))
    assert card["attachments"][0]["content"] == {
        "text": "One.\n\nTwo.",
        "buttons": [{"type": "openUrl", "title": "Site", "value": "https://s"}],
    }
    assert image["attachments"][0]["contentUrl"] == "https://example.invalid/a.png"
    assert file == {"text": "https://example.invalid/a.pdf"}
    assert carousel["attachments"][0]["content"]["images"] == [{"url": "https://i"}]
    assert custom == {"text": "own"}
    texts = channel().parts(BotUttered(text="One.\n\nTwo."))
    assert texts == [{"text": "One."}, {"text": "Two."}]
    assert len(channel(split_paragraphs=False).parts(BotUttered(text="One.\n\nTwo."))) == 1
