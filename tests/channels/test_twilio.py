"""Behaviour that only Twilio's channel for SMS and WhatsApp has."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from manent.core.events import UserUttered
from support.messengers import ADA, channel_of, deliver, delivered, log_of, said, serving, utter
from support.platforms.twilio import NUMBER, Twilio, sign
from support.small_talk import Running, until


@pytest.fixture
async def platform() -> AsyncIterator[Twilio]:
    """The double of Twilio's API."""
    one = Twilio()
    async with one.running():
        yield one
    assert one.rejected == []


async def greeted(server: Running, platform: Twilio, sender: str = ADA) -> str:
    """Begin a conversation, and return its id."""
    address = platform.address(sender)
    await delivered(server, platform, platform.text(sender, "hello", "1"))
    await until(lambda: platform.shown(address) == ["Hello."])
    return address


async def test_whatsapp_is_answered_over_whatsapp(tmp_path: Path, platform: Twilio) -> None:
    """A message from `whatsapp:+…` is answered to that address, and from the number that it was sent to."""
    async with serving(tmp_path, platform) as server:
        address = await greeted(server, platform, "whatsapp:+15550001001")
        assert [(one.to, one.raw["From"]) for one in platform.sent] == [(address, [f"whatsapp:{NUMBER}"])]
        await greeted(server, platform)
        assert platform.sent[-1].raw["From"] == [NUMBER]


async def test_buttons_of_whatsapp(tmp_path: Path, platform: Twilio) -> None:
    """A quick reply of a template sends its payload."""
    async with serving(tmp_path, platform) as server:
        await delivered(server, platform, platform.press(ADA, ("Ping!", "/ping"), "1"))
        await until(lambda: platform.shown(f"whatsapp:{platform.address(ADA)}") == ["Ping."])
        assert await said(server, f"whatsapp:{platform.address(ADA)}") == ["/ping"]


async def test_a_location_has_rasas_text(tmp_path: Path, platform: Twilio) -> None:
    """A location becomes the same text as in Rasa, with the details in the metadata."""
    async with serving(tmp_path, platform) as server:
        await delivered(server, platform, platform.location(ADA, "1"))
        await until(lambda: server.application.conversations.engine.metrics.accepted == 1)
        entries = await log_of(server, f"whatsapp:{platform.address(ADA)}")
    [user] = [one.event for one in entries if isinstance(one.event, UserUttered)]
    assert user.text == "/locationData{'Latitude': 37.787890,'Longitude': -122.391664}"
    assert user.metadata["location"]["Label"] == "Twilio"


async def test_failed_deliveries_are_counted(tmp_path: Path, platform: Twilio) -> None:
    """A status callback is confirmed, and a message that could not be delivered is counted."""
    form = {"MessageSid": "SM9", "MessageStatus": "undelivered", "ErrorCode": "63016", "To": "+15550001001"}
    async with serving(tmp_path, platform) as server:
        await delivered(server, platform, sign(list(form.items())))
        channel = channel_of(server, platform)
        assert (channel.counts.failed, channel.counts.ignored) == (1, 1)


async def test_the_answer_to_a_webhook_is_empty_twiml(tmp_path: Path, platform: Twilio) -> None:
    """The answer to a webhook has no text, because Twilio would send it to the visitor."""
    async with serving(tmp_path, platform) as server:
        answer = await deliver(server, platform, platform.text(ADA, "hello", "1"))
    assert (answer.text, answer.headers["content-type"]) == ("<Response/>", "text/xml; charset=utf-8")


async def test_without_a_configured_address_the_requested_one_is_signed(tmp_path: Path, platform: Twilio) -> None:
    """Without `webhook_url`, the signature is compared with the requested address."""
    form = [("From", platform.address(ADA)), ("Body", "hello"), ("MessageSid", "SM1")]

    class Direct(Twilio):
        def credentials(self) -> str:
            lines = platform.credentials().splitlines(keepends=True)
            return "".join(line for line in lines if "webhook_url" not in line)

    async with serving(tmp_path, Direct()) as server:
        for url, status in ((f"{server.url}/webhooks/twilio/webhook", 200), ("https://other.example.com/", 403)):
            assert (await deliver(server, platform, sign(form, url=url))).status_code == status


async def test_custom_messages_have_the_names_of_twilios_library(tmp_path: Path, platform: Twilio) -> None:
    """The keys of a custom message are those of Twilio's Python library, as in Rasa."""
    custom = {"content_sid": "HX1", "content_variables": {"1": "Ada"}, "persistent_action": ["geo:1,2"]}
    async with serving(tmp_path, platform) as server:
        address = await greeted(server, platform)
        await utter(server, address, None, custom=custom)
        await until(lambda: len(platform.sent) == 2)
    raw = platform.sent[1].raw
    assert raw["ContentSid"] == ["HX1"]
    assert raw["ContentVariables"] == ['{"1":"Ada"}']
    assert raw["PersistentAction"] == ["geo:1,2"]


async def test_cards_are_texts(tmp_path: Path, platform: Twilio) -> None:
    """A card becomes a text with its links, and its image."""
    link = {"title": "Site", "url": "https://example.invalid/"}
    element = {"title": "Shoes", "subtitle": "red", "image_url": "https://example.invalid/a.png", "buttons": [link]}
    async with serving(tmp_path, platform) as server:
        address = await greeted(server, platform)
        await utter(server, address, None, elements=[element])
        await until(lambda: len(platform.sent) == 3)
    assert platform.shown(address)[1:] == [
        "Shoes\nred\nSite: https://example.invalid/",
        "https://example.invalid/a.png",
    ]
