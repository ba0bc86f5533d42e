"""Behaviour that only the Google Chat channel has."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from manent.channels import hangouts
from manent.channels.hangouts import HangoutsChannel, HangoutsOptions
from manent.core.errors import ProjectError
from manent.core.events import UserUttered
from manent.extensions.finding import Site
from manent.extensions.options import WrongOption
from support.messengers import ADA, deliver, delivered, log_of, said, serving, utter
from support.platforms.hangouts import Hangouts
from support.small_talk import Actions, Running, until


@pytest.fixture
async def platform() -> AsyncIterator[Hangouts]:
    """The double of Google Chat."""
    one = Hangouts()
    async with one.running():
        yield one
    assert one.rejected == []


async def users(server: Running, address: str) -> list[UserUttered]:
    """Return the messages of a visitor in the log."""
    return [one.event for one in await log_of(server, address) if isinstance(one.event, UserUttered)]


async def test_events_become_messages(tmp_path: Path, platform: Hangouts) -> None:
    """Adding and removing the bot, slash commands and foreign buttons have texts that a project can match."""
    async with serving(tmp_path, platform) as server:
        await delivered(
            server,
            platform,
            platform.event(ADA, "ADDED_TO_SPACE"),
            platform.event(ADA, "ADDED_TO_SPACE", room=True),
            platform.message(ADA, "1", text="/help me", argumentText=" me", slashCommand={"commandId": "1"}),
            platform.message(ADA, "2", room=True, text="@Small hello", argumentText=" hello"),
            platform.event(ADA, "CARD_CLICKED", action={"actionMethodName": "/ping"}),
            platform.event(ADA, "REMOVED_FROM_SPACE"),
        )
        await until(lambda: server.application.conversations.engine.metrics.accepted == 6)
        expected = ["/user_added", "/room_added", "/help me", "hello", "/ping", "/bot_removed"]
        assert await said(server, f"users/{ADA}") == expected


async def test_an_answer_goes_to_its_thread(tmp_path: Path, platform: Hangouts) -> None:
    """In a room, the bot answers in the thread of the message."""
    async with serving(tmp_path, platform) as server:
        await delivered(server, platform, platform.message(ADA, "1", room=True, argumentText="hello"))
        await until(lambda: platform.shown(ADA) == ["Hello."])
    assert platform.sent[0].raw["thread"] == {"name": f"spaces/space{ADA}/threads/t1"}


async def test_a_message_is_created_once(tmp_path: Path, platform: Hangouts) -> None:
    """If the connection breaks after Google Chat has created a message, the next attempt creates no second one."""
    platform.faults.append("cut")
    async with serving(tmp_path, platform) as server:
        await delivered(server, platform, platform.text(ADA, "hello", "1"))
        await until(lambda: platform.shown(ADA) == ["Hello."])
        await delivered(server, platform, platform.text(ADA, "I am Ada", "2"))
        await until(lambda: platform.shown(ADA)[-1] == "Hello, Ada.")
    assert platform.shown(ADA) == ["Hello.", "Hello, Ada."]


@pytest.mark.parametrize(
    ("granularity", "address"),
    [("space", "users/1001_spaces/space1001"), ("thread", "users/1001_spaces/space1001/threads/t1")],
)
async def test_a_space_can_have_its_own_conversation(
    tmp_path: Path, platform: Hangouts, granularity: str, address: str
) -> None:
    """A person can have a conversation in each space, or in each thread."""
    async with serving(tmp_path, platform, more=f"  conversation_granularity: {granularity}\n") as server:
        await delivered(server, platform, platform.text(ADA, "hello", "1"))
        await until(lambda: platform.shown(ADA) == ["Hello."])
        assert await said(server, address) == ["hello"]


async def test_without_an_account_the_response_answers(tmp_path: Path, platform: Hangouts) -> None:
    """The response combines the turn's messages in one message, and a repeated request gets the same response."""
    platform.with_account = False
    async with serving(tmp_path, platform) as server:
        assert any("hangouts: without service_account" in note for note in server.application.notes)
        hook = platform.text(ADA, "count", "1")
        for _ in range(2):
            platform.respond(ADA, (await deliver(server, platform, hook)).content)
        assert platform.shown(ADA) == ["One.\n\nTwo."] * 2
        assert [title for title, _ in platform.sent[0].buttons] == ["Go on", "Stop"]
        press = platform.press(ADA, platform.sent[0].buttons[1], "2")
        platform.respond(ADA, (await deliver(server, platform, press)).content)
        assert platform.shown(ADA)[-1] == "Hello."
        assert [one.text for one in await users(server, f"users/{ADA}")] == ["count", "/greet"]
        await utter(server, f"users/{ADA}", "Later.")
        await asyncio.sleep(0.2)
    assert platform.attempts == 0


async def test_without_an_account_a_mention_that_adds_the_bot_gets_both_replies(
    tmp_path: Path, platform: Hangouts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event contains a message. The response contains the greeting of the space, then the reply to the message."""
    monkeypatch.setattr(hangouts, "ROOM_ADDED", "/greet")
    platform.with_account = False
    async with serving(tmp_path, platform) as server:
        message = {"name": f"spaces/space{ADA}/messages/in1", "text": "@Small count", "argumentText": " count"}
        hook = platform.event(ADA, "ADDED_TO_SPACE", room=True, message=message)
        platform.respond(ADA, (await deliver(server, platform, hook)).content)
    assert platform.shown(ADA) == ["Hello.\n\nOne.\n\nTwo."]


async def test_a_slow_turn_gets_an_empty_response(
    tmp_path: Path, platform: Hangouts, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without an account, a turn that takes too long is logged with advice."""
    monkeypatch.setattr(hangouts, "WAIT_S", 0.2)
    platform.with_account = False
    actions = Actions(hold=asyncio.Event())
    async with serving(tmp_path, platform, actions=actions) as server:
        answer = await deliver(server, platform, platform.text(ADA, "work", "1"))
        assert (answer.status_code, answer.json()) == (200, {})
        assert actions.hold is not None
        actions.hold.set()
    assert "add service_account to the section hangouts" in caplog.text


async def test_without_a_project_other_apps_are_mentioned(tmp_path: Path, platform: Hangouts) -> None:
    """Without project_id, signature and issuer are checked, and a warning at the start names what is not checked."""
    original = platform.credentials
    platform.credentials = lambda: original().replace("project_id", "# project_id")  # type: ignore[method-assign]
    async with serving(tmp_path, platform) as server:
        assert any("hangouts: without project_id" in note for note in server.application.notes)
        hook = platform.text(ADA, "hello", "1")
        hook.headers.update(platform.authorize(iss="others"))
        assert (await deliver(server, platform, hook)).status_code == 401
        hook.headers.update(platform.authorize(aud="others"))
        await delivered(server, platform, hook)


def test_the_key_file_is_checked(tmp_path: Path, platform: Hangouts) -> None:
    """A missing or invalid key file is an error with a line, which does not show the key."""
    (tmp_path / "account.json").write_text(platform.account())
    channel = HangoutsChannel.from_options(HangoutsOptions(service_account="account.json"), Site(tmp_path))
    assert not any("service_account" in note for note in channel.notes)
    (tmp_path / "wrong.json").write_text('{"client_email": "a", "private_key": "hidden"}')
    for given in ("nowhere.json", "wrong.json"):
        with pytest.raises(ProjectError) as caught:
            HangoutsChannel.from_options(HangoutsOptions(service_account=given), Site(tmp_path))
        assert "hidden" not in str(caught.value)
    for content in ("{", "{}", '{"client_email": "a", "private_key": "hidden"}'):
        with pytest.raises(WrongOption) as wrong:
            HangoutsOptions(service_account=content)
        assert "hidden" not in str(wrong.value)


def test_a_response_has_a_limit(caplog: pytest.LogCaptureFixture) -> None:
    """Messages that do not fit into a response are omitted and logged."""
    parts = [{"text": str(number) * 8_000} for number in range(6)]
    merged = hangouts._merged(parts)
    assert merged["text"].count("\n\n") == 2
    assert "too long" in caplog.text
