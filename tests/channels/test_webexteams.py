"""Behaviour that only the Webex channel has."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from manent.core.events import BotUttered, UserUttered
from support.messengers import ADA, channel_of, deliver, delivered, log_of, said, serving, utter
from support.platforms.webexteams import SECRET, WebexTeams
from support.small_talk import Running, until


@pytest.fixture
async def platform() -> AsyncIterator[WebexTeams]:
    """The double of Webex."""
    one = WebexTeams()
    async with one.running():
        yield one
    assert one.rejected == []


async def greeted(server: Running, platform: WebexTeams) -> None:
    """Begin a conversation, so that the bot can send a message."""
    await delivered(server, platform, platform.text(ADA, "hello", "1"))
    await until(lambda: platform.shown(ADA) == ["Hello."])


async def test_the_bot_ignores_itself(tmp_path: Path, platform: WebexTeams) -> None:
    """Messages of the bot are confirmed and not answered, and a mention of the bot is removed from others."""
    async with serving(tmp_path, platform) as server:
        await delivered(server, platform, platform.own("hello", "1"), platform.mention(ADA, "hello", "2"))
        await until(lambda: platform.shown(ADA) == ["Hello."])
        assert await said(server, platform.address(ADA)) == ["hello"]
        assert channel_of(server, platform).counts.ignored == 1


async def test_an_edit_is_a_new_message(tmp_path: Path, platform: WebexTeams) -> None:
    """An edited message is a new one, with `edited` in its metadata."""
    async with serving(tmp_path, platform) as server:
        await greeted(server, platform)
        edit = platform.message(ADA, "1", event="updated", text="I am Ada", updated="2023-11-14T22:14:00.000Z")
        await delivered(server, platform, edit, edit)
        await until(lambda: platform.shown(ADA) == ["Hello.", "Hello, Ada."])
        users = [one.event for one in await log_of(server, platform.address(ADA)) if isinstance(one.event, UserUttered)]
    assert [one.metadata.get("edited") for one in users] == [None, True]


async def test_a_message_is_fetched_again(tmp_path: Path, platform: WebexTeams) -> None:
    """If Webex does not answer, the message is fetched again. After the last attempt, the answer is 503."""
    async with serving(tmp_path, platform) as server:
        platform.lookup_faults = [502, 429]
        await greeted(server, platform)
        platform.lookup_faults = [502, 502, 502]
        answer = await deliver(server, platform, platform.text(ADA, "hello", "2"))
        assert answer.status_code == 503
    assert platform.lookups == 6


async def test_the_token_is_sent_to_webex_only(tmp_path: Path, platform: WebexTeams) -> None:
    """A file's address at another host is not requested."""
    async with serving(tmp_path, platform) as server:
        hook = platform.message(ADA, "1", text="look", files=[f"{platform.url}.evil.example/v1/contents/x"])
        await delivered(server, platform, hook)
        await until(lambda: server.application.conversations.engine.metrics.accepted == 1)
        [user] = [
            one.event for one in await log_of(server, platform.address(ADA)) if isinstance(one.event, UserUttered)
        ]
    assert user.metadata["attachments"][0]["type"] == "file"


async def test_a_missing_secret_is_mentioned(tmp_path: Path, platform: WebexTeams) -> None:
    """Without a secret, unsigned webhooks are accepted, and the server warns at its start."""
    original = platform.credentials
    platform.credentials = lambda: original().replace(f"  secret: {SECRET}\n", "")  # type: ignore[method-assign]
    async with serving(tmp_path, platform) as server:
        assert any("webexteams: without secret" in note for note in server.application.notes)
        hook = platform.text(ADA, "hello", "1")
        hook.headers.clear()
        await delivered(server, platform, hook)
        await until(lambda: platform.shown(ADA) == ["Hello."])


async def test_cards_files_and_rooms(tmp_path: Path, platform: WebexTeams) -> None:
    """Links, files, carousels and custom messages reach the visitor's room or, with `room`, the configured room."""
    async with serving(tmp_path, platform) as server:
        await greeted(server, platform)
        data = {
            "buttons": [{"title": "Site", "url": "https://example.invalid/"}],
            "attachment": {"payload": {"src": "https://example.invalid/a.pdf"}},
            "elements": [{"title": "A", "subtitle": "B", "image_url": "https://example.invalid/b.png"}],
            "custom": {"markdown": "**own**"},
        }
        await utter(server, platform.address(ADA), "Look.", **data)
        await until(lambda: len(platform.sent) == 5)
        card, file, element, custom = [one.raw for one in platform.sent[1:]]
        assert card["attachments"][0]["content"]["actions"][0]["type"] == "Action.OpenUrl"
        assert file["files"] == ["https://example.invalid/a.pdf"]
        assert element["text"] == "A\nB"
        assert custom["markdown"] == "**own**"
    async with serving(tmp_path, platform, more="  room: roomother\n") as server:
        channel = channel_of(server, platform)
        assert channel.parts(BotUttered(text="One.\n\nTwo.")) == [{"text": "One."}, {"text": "Two."}]
        await utter(server, platform.address(ADA), "There.")
        await until(lambda: platform.sent[-1].to == "roomother")


async def test_a_file_that_is_being_scanned_can_be_fetched_later(tmp_path: Path, platform: WebexTeams) -> None:
    """While Webex scans a file for malware, the answer is 503 and not 404. Later, the file is served."""
    async with serving(tmp_path, platform) as server, httpx.AsyncClient(base_url=server.url) as http:
        platform.is_scanning = True
        await delivered(server, platform, platform.attachment(ADA, "1"))
        await until(lambda: server.application.conversations.engine.metrics.accepted == 1)
        [user] = [
            one.event for one in await log_of(server, platform.address(ADA)) if isinstance(one.event, UserUttered)
        ]
        url = user.metadata["attachments"][0]["url"]
        assert (await http.get(url)).status_code == 503
        platform.is_scanning = False
        assert (await http.get(url)).content == b"the image"
