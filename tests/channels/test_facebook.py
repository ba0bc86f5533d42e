"""Behaviour that only the channels of Messenger and Instagram have."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from manent.core.events import UserUttered
from support.messengers import ADA, EVE, channel_of, deliver, delivered, log_of, said, serving, utter
from support.platforms import platform_of
from support.platforms.facebook import Facebook, sign
from support.small_talk import Running, until


@pytest.fixture(params=["facebook", "instagram"])
async def platform(request: pytest.FixtureRequest) -> AsyncIterator[Facebook]:
    """The doubles of both platforms."""
    one = platform_of(request.param)
    assert isinstance(one, Facebook)
    async with one.running():
        yield one
    assert one.rejected == []


async def messages_of(server: Running, sender_id: str, count: int) -> list[UserUttered]:
    """Return the visitor's messages when `count` messages are in the logs."""
    await until(lambda: server.application.conversations.engine.metrics.accepted >= count)
    return [one.event for one in await log_of(server, sender_id) if isinstance(one.event, UserUttered)]


async def greeted(server: Running, platform: Facebook) -> None:
    """Begin a conversation, so that the bot can send messages."""
    await delivered(server, platform, platform.text(ADA, "hello", "1"))
    await until(lambda: platform.shown(ADA) == ["Hello."])


async def test_a_batch_is_read_completely(tmp_path: Path, platform: Facebook) -> None:
    """A request with several entries and items becomes several messages of several visitors."""
    hook = platform.batch(
        [platform.message(ADA, "1", text="hello"), platform.message(EVE, "2", text="hello")],
        [platform.message(ADA, "3", text="I am Ada"), platform.echo(ADA, "an echo", "4")],
    )
    async with serving(tmp_path, platform) as server:
        await delivered(server, platform, hook)
        await until(lambda: platform.shown(ADA) == ["Hello.", "Hello, Ada."])
        await until(lambda: platform.shown(EVE) == ["Hello."])
        assert channel_of(server, platform).counts.ignored == 1
        assert await said(server, ADA) == ["hello", "I am Ada"]


async def test_payloads_are_the_text(tmp_path: Path, platform: Facebook) -> None:
    """A quick reply and a postback send their payload, and keep the title."""
    hooks = (
        platform.batch([platform.quick_reply(ADA, "Hi!", "/greet", "1")]),
        platform.batch([platform.postback(ADA, "Ping!", "/ping", "2")]),
    )
    async with serving(tmp_path, platform) as server:
        await delivered(server, platform, *hooks)
        await until(lambda: platform.shown(ADA) == ["Hello.", "Ping."])
        users = await messages_of(server, ADA, 2)
    assert [one.text for one in users] == ["/greet", "/ping"]


async def test_other_messages(tmp_path: Path, platform: Facebook) -> None:
    """The text of an attachment is its URL. Locations, reactions and edits become messages with metadata."""
    place = {"type": "location", "payload": {"coordinates": {"lat": 52.5, "long": 13.25}}}
    items = [
        platform.message(ADA, "1", attachments=[{"type": "file", "payload": {"url": "https://example.invalid/a.pdf"}}]),
        platform.message(ADA, "2", attachments=[place]),
        platform.item(ADA, reaction={"mid": "m_9", "action": "react", "emoji": "x", "reaction": "love"}),
        platform.item(ADA, message_edit={"mid": "m_in_1", "text": "hello", "num_edit": 1}),
    ]
    async with serving(tmp_path, platform) as server:
        await delivered(server, platform, platform.batch(items))
        users = await messages_of(server, ADA, 4)
    texts = ["https://example.invalid/a.pdf", '{"lng":13.25, "lat":52.5}', "/reaction", "hello"]
    assert [one.text for one in users] == texts
    assert users[0].metadata["attachments"][0]["type"] == "file"
    assert users[2].metadata["reaction"]["reaction"] == "love"
    assert users[3].metadata["edited"] is True


async def test_the_challenge(tmp_path: Path, platform: Facebook) -> None:
    """The challenge is answered if the verify token is right."""
    async with serving(tmp_path, platform) as server:
        answer = await deliver(server, platform, platform.challenge())
        assert (answer.status_code, answer.text) == (200, "1158201444")
        assert (await deliver(server, platform, platform.challenge("another"))).status_code == 403
        assert (await deliver(server, platform, platform.challenge(mode="other"))).status_code == 403


async def test_the_older_signature_counts_alone(tmp_path: Path, platform: Facebook) -> None:
    """A request with only the SHA-1 signature is accepted if that signature is valid."""
    body = platform.text(ADA, "hello", "1").body
    async with serving(tmp_path, platform) as server:
        assert (await deliver(server, platform, sign(body, "another", algorithms=("sha1",)))).status_code == 403
        assert (await deliver(server, platform, sign(body, algorithms=("sha1",)))).status_code == 200


async def test_webhooks_of_the_other_platform_are_ignored(tmp_path: Path, platform: Facebook) -> None:
    """A webhook for another object of the same app is confirmed and counted, because its ids mean other people."""
    other = {"page": b"instagram", "instagram": b"page"}[platform.object]
    body = platform.text(ADA, "hello", "1").body.replace(platform.object.encode(), other)
    async with serving(tmp_path, platform) as server:
        await delivered(server, platform, sign(body))
        assert channel_of(server, platform).counts.ignored == 1


BUTTONS: dict[str, list[dict[str, Any]]] = {
    "template": [{"title": "Yes", "payload": "/greet"}, {"title": "Site", "url": "https://example.invalid/"}],
    "call": [{"title": "Call", "type": "phone_number", "payload": "+15550100"}],
    "links": [{"title": f"Site {number}", "url": "https://example.invalid/"} for number in range(5)],
}


@pytest.mark.parametrize("kind", BUTTONS)
async def test_buttons_of_every_type(tmp_path: Path, platform: Facebook, kind: str) -> None:
    """Links and phone numbers are buttons of templates, three in each."""
    async with serving(tmp_path, platform) as server:
        await greeted(server, platform)
        await utter(server, ADA, "Choose.", buttons=BUTTONS[kind])
        await until(lambda: sum(len(one.buttons) for one in platform.sent) == len(BUTTONS[kind]))
        assert platform.shown(ADA)[1] == "Choose."


async def test_cards(tmp_path: Path, platform: Facebook) -> None:
    """Elements become cards. Content without room on a card follows it, and an element without details is a text."""
    many = [{"title": f"Choice {number}", "payload": f"/greet{number}"} for number in range(5)]
    elements = [
        {"title": "T" * 90, "subtitle": "S" * 90, "image_url": "https://example.invalid/a.png", "buttons": many},
        {"title": "Only a title"},
        *({"title": f"Card {number}", "subtitle": "more"} for number in range(11)),
    ]
    async with serving(tmp_path, platform) as server:
        await greeted(server, platform)
        await utter(server, ADA, None, elements=elements)
        await utter(server, ADA, "end")
        await until(lambda: "end" in platform.shown(ADA))
    sent = str([one.raw for one in platform.sent])
    assert all(f"'Card {number}'" in sent for number in range(11))
    assert all(f"'Choice {number}'" in sent for number in range(5))
    assert "Only a title" in platform.shown(ADA)


async def test_the_visitor_sees_that_the_bot_works(tmp_path: Path, platform: Facebook) -> None:
    """A message is marked as read, and the typing indicator is shown."""
    async with serving(tmp_path, platform) as server:
        await delivered(server, platform, platform.text(ADA, "hello", "1"))
        await until(lambda: platform.actions == [(ADA, "mark_seen"), (ADA, "typing_on")])


async def test_custom_messages_are_sent_as_they_are(tmp_path: Path, platform: Facebook) -> None:
    """A custom message is sent unchanged as a message object of the Send API, as in Rasa."""
    custom = {"attachment": {"type": "video", "payload": {"url": "https://example.invalid/a.mp4"}}}
    async with serving(tmp_path, platform) as server:
        await greeted(server, platform)
        await utter(server, ADA, None, custom={**custom, "sender": {"id": "x"}})
        await until(lambda: len(platform.sent) == 2)
    assert platform.sent[1].raw["message"] == custom
