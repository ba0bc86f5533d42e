"""The channel for phone calls of Twilio, with a double that plays the answers to the caller."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from manent.channels import twilio_voice
from manent.core.errors import ProjectError
from manent.core.events import BotUttered, UserUttered
from manent.runtime import operations
from support.platforms.platform import Webhook
from support.platforms.twilio_voice import Heard, TwilioVoice
from support.small_talk import Actions, Running, running, until

ADA = "+15550001001"


async def post(server: Running, hook: Webhook, query: str = "") -> httpx.Response:
    """Deliver a webhook."""
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        path = "/webhooks/twilio_voice/webhook"
        return await http.post(path, content=hook.body, headers=hook.headers, params=dict(parse_qsl(query)))


class Call:
    """A call: Twilio sends each request to the address that the last answer contained."""

    def __init__(self, server: Running, number: str = "1") -> None:
        self.server = server
        self.number = number
        self.voice = TwilioVoice()

    async def send(self, make: Callable[[], Webhook]) -> Heard:
        """Deliver a webhook, and play the answer."""
        answer = await post(self.server, make(), urlsplit(self.voice.webhook_url).query)
        assert answer.status_code == 200, answer.text
        return self.voice.hear(answer.content, answer.headers["content-type"])

    async def ring(self) -> Heard:
        """Begin the call."""
        return self.follow(await self.send(lambda: self.voice.ring(ADA, self.number)))

    async def say(self, text: str) -> Heard:
        """Say something, and hear the answer."""
        return self.follow(await self.send(lambda: self.voice.speech(ADA, text, self.number)))

    async def say_nothing(self) -> Heard:
        """Stay silent until Twilio reports this or repeats its request."""
        return self.follow(await self.send(lambda: self.voice.silence(ADA, self.number)))

    def follow(self, heard: Heard) -> Heard:
        """Use the address in an answer for the next request."""
        assert not heard.ends
        self.voice.webhook_url = heard.action or heard.redirect
        return heard


@contextlib.asynccontextmanager
async def serving(root: Path, more: str = "", **options: Any) -> AsyncIterator[Running]:
    """Serve the assistant with the channel."""
    async with running(root, credentials=TwilioVoice().credentials() + more, **options) as server:
        yield server


async def said(server: Running) -> list[str | None]:
    """Return what the caller said, from the log."""
    entries = await server.conversations.engine.store.entries(ADA)
    return [one.event.text for one in entries if isinstance(one.event, UserUttered)]


@pytest.mark.point(4)
async def test_a_call(tmp_path: Path) -> None:
    """A call begins with the initial prompt; what the caller says is answered in the response."""
    async with serving(tmp_path) as server:
        call = Call(server)
        assert (await call.ring()).texts == ["Hello."]
        heard = await call.say("I am Ada")
        assert heard.texts == ["Hello, Ada."]
        assert heard.gather is not None
        assert heard.gather["speechTimeout"] == "5"
        assert (await call.say("count")).texts == ["One.", "Two.", "Go on", "Stop"]
        assert await said(server) == ["hello", "I am Ada", "count"]
        entries = await server.conversations.engine.store.entries(ADA)
    assert {one.event.input_channel for one in entries if isinstance(one.event, UserUttered)} == {"twilio_voice"}


@pytest.mark.point(1)
async def test_requests_of_others_are_refused(tmp_path: Path) -> None:
    """A request without a valid signature is rejected and stores nothing."""
    async with serving(tmp_path) as server:
        voice = TwilioVoice()
        forged = voice.forged(voice.ring(ADA, "1"))
        for hook in forged:
            answer = await post(server, hook)
            assert answer.status_code == 403
            assert answer.json()["message"] == "this request could not be verified"
        assert (
            await post(server, voice.ring(ADA, "1"), "heard=0")
        ).status_code == 403  # the signature covers the query
        assert await server.conversations.engine.store.count_received() == 0
        channel, _ = server.application.channels.others["twilio_voice"]
        assert channel.counts.unverified == len(forged) + 1  # type: ignore[attr-defined]


@pytest.mark.point(3)
async def test_a_repeated_request_gets_the_same_answer(tmp_path: Path) -> None:
    """A repeated request, to another server or after a restart, gets the same answer without another turn."""
    async with serving(tmp_path) as server, serving(tmp_path) as other:
        call = Call(server)
        await call.ring()
        hook, query = call.voice.speech(ADA, "I am Ada", "1"), urlsplit(call.voice.webhook_url).query
        answers = await asyncio.gather(*(post(one, hook, query) for one in (server, other) for _ in range(3)))
        assert {call.voice.hear(one.content, "text/xml").texts[0] for one in answers} == {"Hello, Ada."}
    async with serving(tmp_path) as server:
        answer = await post(server, hook, query)
        assert call.voice.hear(answer.content, "text/xml").texts == ["Hello, Ada."]
        assert await said(server) == ["hello", "I am Ada"]


@pytest.mark.point(3)
async def test_the_same_words_twice_are_two_messages(tmp_path: Path) -> None:
    """The same words are two messages, also after a silence and in another call."""
    async with serving(tmp_path) as server:
        call = Call(server)
        await call.ring()
        await call.say("hello")
        await call.say_nothing()
        await call.say("hello")
        await Call(server, "2").ring()
        assert await said(server) == ["hello"] * 4


async def test_silence_repeats_the_last_message(tmp_path: Path) -> None:
    """A caller who says nothing hears the bot's last message again."""
    async with serving(tmp_path) as server:
        call = Call(server)
        await call.ring()
        await call.say("I am Ada")
        assert (await call.say_nothing()).texts == ["Hello, Ada."]
        assert (await call.say_nothing()).texts == ["Hello, Ada."]
        assert await said(server) == ["hello", "I am Ada"]


@pytest.mark.point(4)
async def test_messages_without_a_question_are_heard(tmp_path: Path) -> None:
    """Messages that the bot sends between two requests, for example reminders, are in the next answer."""
    async with serving(tmp_path) as server:
        call = Call(server)
        await call.ring()
        conversation = server.conversations.get(ADA)
        await operations.apply_events(conversation, [BotUttered(text="Your tea is ready.")])
        assert (await call.say("I am Ada")).texts == ["Your tea is ready.", "Hello, Ada."]
        await operations.apply_events(conversation, [BotUttered(text="It gets cold.")])
        assert (await call.say_nothing()).texts == ["It gets cold."]


@pytest.mark.point(2)
async def test_a_slow_turn_is_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a turn runs, Twilio is redirected repeatedly, because it ends calls whose webhook is slow."""
    monkeypatch.setattr(twilio_voice, "WAIT_S", 0.2)
    actions = Actions(hold=asyncio.Event())
    async with serving(tmp_path, actions=actions) as server:
        call = Call(server)
        await call.ring()
        heard = await call.say("work")
        assert (heard.texts, bool(heard.redirect)) == ([], True)
        assert (await call.say_nothing()).redirect
        assert actions.hold is not None
        actions.hold.set()
        await until(lambda: len(actions.calls) == 1)
        heard = await call.say_nothing()
        while heard.redirect:
            heard = await call.say_nothing()
        assert heard.texts == ["Done."]
        assert await said(server) == ["hello", "work"]


@pytest.mark.point(2)
async def test_a_turn_that_never_ends_does_not_hold_the_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After several redirects, the caller hears the fallback phrase."""
    monkeypatch.setattr(twilio_voice, "WAIT_S", 0.0)
    actions = Actions(hold=asyncio.Event())
    async with serving(tmp_path, "  reprompt_fallback_phrase: Pardon?\n", actions=actions) as server:
        call = Call(server)
        heard = await call.ring()
        while heard.redirect:
            heard = await call.say_nothing()
        heard = await call.say("work")
        for _ in range(twilio_voice.MAX_WAITS):
            heard = await call.say_nothing()
        assert heard.texts == ["Pardon?"]
        assert actions.hold is not None
        actions.hold.set()


@pytest.mark.point(8)
async def test_other_requests(tmp_path: Path) -> None:
    """The end of a call and malformed forms get TwiML that Twilio accepts."""
    async with serving(tmp_path) as server:
        voice = TwilioVoice()
        for hook in (voice.hung_up(ADA, "1"), *voice.malformed()):
            answer = await post(server, hook)
            assert answer.status_code in (200, 400)
            if answer.status_code == 200:
                voice.hear(answer.content, answer.headers["content-type"])
        assert await server.conversations.engine.store.count_received() == 0


@pytest.mark.point(8)
async def test_speech_that_cannot_be_processed_is_answered(tmp_path: Path) -> None:
    """A message that is too long is counted, and the caller is asked again."""
    async with serving(tmp_path) as server:
        call = Call(server)
        await call.ring()
        assert (await call.say("x" * 70_000)).texts == ["Hello."]
        assert await said(server) == ["hello"]


@pytest.mark.point(6)
async def test_long_and_unspeakable_texts(tmp_path: Path) -> None:
    """A long text becomes several pieces, and characters that XML cannot contain are left out."""
    text = " ".join(f"word{number:06}" for number in range(1500)) + "\x00\x1b & <end>"
    async with serving(tmp_path) as server:
        call = Call(server)
        await call.ring()
        await operations.apply_events(server.conversations.get(ADA), [BotUttered(text=text)])
        heard = await call.say_nothing()
    assert len(heard.texts) > 3
    assert " ".join(heard.texts).split() == text.replace("\x00", " ").replace("\x1b", " ").split()


@pytest.mark.point(1)
async def test_conversations_are_closed_to_other_channels(tmp_path: Path) -> None:
    """REST cannot use the conversation of a caller, whose id is a phone number."""
    async with serving(tmp_path, "rest:\n") as server, httpx.AsyncClient(base_url=server.url) as http:
        await Call(server).ring()
        answer = await http.post("/webhooks/rest/webhook", json={"sender": ADA, "message": "hello"})
        assert (answer.status_code, answer.json()["details"]["error"]) == (403, "wrong_channel")
        assert (await http.get("/webhooks/twilio_voice/")).json() == {"status": "ok"}


@pytest.mark.point(1)
async def test_a_missing_token_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Without a token, as in Rasa's section, the channel works, and each start warns that anyone can send webhooks."""
    with caplog.at_level(logging.WARNING, "manent.channels"):
        async with running(tmp_path, credentials="twilio_voice:\n") as server:
            heard = await Call(server).ring()
    assert heard.texts == ["Hello."]
    assert "twilio_voice has no auth_token" in caplog.text


@pytest.mark.parametrize("line", ["speech_timeout: soon", "speech_timeout: 0", "enhanced: true", "webhook_url: bot"])
async def test_wrong_options_are_located(tmp_path: Path, line: str) -> None:
    """A wrong option is reported with its name."""
    with pytest.raises(ProjectError) as error:
        async with running(tmp_path, credentials=f"twilio_voice:\n  {line}\n"):
            pass
    assert line.partition(":")[0] in str(error.value)
