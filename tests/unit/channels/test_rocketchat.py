"""Tests for channels/rocketchat.py: which webhooks are taken, and what bot messages become."""

from typing import Any

import msgspec
import pytest
from starlette.requests import Request

from manent.channels.messenger import Update
from manent.channels.rocketchat import RocketChatChannel, RocketChatOptions
from manent.core.errors import RequestError
from manent.core.events import BotUttered

OPTIONS = {"user": "Small.Bot", "password": "p", "server_url": "https://chat"}


def channel(**options: Any) -> RocketChatChannel:
    """Return a channel."""
    return RocketChatChannel(RocketChatOptions(**{**OPTIONS, **options}))


def request(**headers: str) -> Request:
    """Return a request with headers."""
    listed = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "headers": listed})


async def read(update: dict[str, Any]) -> Update:
    """Return what the channel reads from a body."""
    return await channel().read(request(), msgspec.json.encode(update))


def message(text: str, message_id: str, **more: Any) -> dict[str, Any]:
    """Return a message of a livechat webhook."""
    return {"username": "guest", "msg": text, "ts": "t", "_id": message_id, **more}


async def test_every_livechat_message_is_taken() -> None:
    """All messages of visitors are taken, in order; those of agents, the bot and the system are not."""
    messages = [
        message("one", "1"),
        message("agent", "2", agentId="a"),
        message("own", "3", username="small.bot"),
        message("closed", "4", t="livechat-close"),
        message("two", ""),
    ]
    update = await read({"_id": "room", "visitor": {"name": "Ada"}, "messages": messages})
    assert [(one.address, one.text) for one in update.messages] == [("room", "one"), ("room", "two")]
    assert all(one.message_id for one in update.messages)
    assert len(update.ignored) == 3


async def test_an_edit_is_a_new_message() -> None:
    """An edited message has the id of the first one, and is not taken for a redelivery."""
    body = {"channel_id": "room", "message_id": "1", "user_name": "ada", "text": "bye", "timestamp": "t"}
    [first], [edited] = [(await read({**body, "isEdited": value})).messages for value in (False, True)]
    assert first.message_id != edited.message_id
    assert edited.metadata["edited"] is True


async def test_a_webhook_without_its_token_is_refused_if_the_other_has_one() -> None:
    """With one token, the other kind of webhook is refused; without both, each is taken and a start mentions it."""
    livechat, outgoing = msgspec.json.encode({"visitor": {}}), msgspec.json.encode({"token": "t"})
    one = channel(token="t")  # noqa: S106  # a value for a test
    await one.verify(request(), outgoing)
    with pytest.raises(RequestError):
        await one.verify(request(x_rocketchat_livechat_token=""), livechat)
    with pytest.raises(RequestError):
        await channel(livechat_token="t").verify(request(), outgoing)  # noqa: S106  # a value for a test
    await channel().verify(request(), livechat)
    assert (len(channel().notes), len(one.notes)) == (1, 0)


def test_parts() -> None:
    """Links, images, files, cards and own messages become messages."""
    data = {
        "buttons": [{"title": "Site", "url": "https://s"}, {"title": "Go", "payload": "/go"}],
        "image": "https://example.invalid/a.png",
        "attachment": "https://example.invalid/a.pdf",
        "elements": [{"title": "A", "buttons": [{"title": "Go", "payload": "/go"}]}],
        "custom": [{"color": "red"}],
    }
    buttons, image, file, card, custom = channel().parts(BotUttered(text="One.\n\nTwo.", data=data))
    go = {"type": "button", "text": "Go", "msg": "/go", "msg_in_chat_window": True}
    site = {"type": "button", "text": "Site", "url": "https://s"}
    assert buttons == {"text": "One.\n\nTwo.", "attachments": [{"actions": [site, go]}]}
    assert image == {"attachments": [{"image_url": "https://example.invalid/a.png"}]}
    assert file == {"text": "https://example.invalid/a.pdf"}
    assert card == {"attachments": [{"title": "A"}, {"actions": [go]}]}
    assert custom == {"attachments": [{"color": "red"}]}
    assert channel().parts(BotUttered(text="One.\n\nTwo.")) == [{"text": "One."}, {"text": "Two."}]
