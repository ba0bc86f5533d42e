"""The guarantees of every channel for a messenger platform, with a double of its platform over real HTTP.

`point` is the number of the guarantee in `docs/channels/README.md` that a test checks.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from manent.channels.messenger import MessengerChannel
from manent.channels.platform_api import Answer, PlatformApi
from manent.core.events import BotUttered, Operator, UserUttered
from manent.extensions import points
from manent.extensions.finding import find
from manent.extensions.options import fields_of
from manent.runtime import handling
from manent.runtime.ports.channel import Messenger
from support.messengers import ADA, EVE, channel_of, deliver, delivered, log_of, said, serving, utter
from support.platforms import CHANNELS, platform_of
from support.platforms.platform import Platform
from support.small_talk import Actions, running, until

DOCS = Path(__file__).parents[2] / "docs/channels"


@pytest.fixture(params=CHANNELS)
async def platform(request: pytest.FixtureRequest) -> AsyncIterator[Platform]:
    """The double of each platform in turn."""
    one = platform_of(request.param)
    async with one.running():
        yield one
    assert one.rejected == []


@pytest.mark.point(4)
async def test_a_message_is_answered(tmp_path: Path, platform: Platform) -> None:
    """A text becomes a turn of the visitor's conversation, and the reply reaches the visitor over the platform."""
    async with serving(tmp_path, platform) as server:
        await delivered(server, platform, platform.text(ADA, "hello", "1"))
        await until(lambda: platform.shown(ADA) == ["Hello."])
        users = [one.event for one in await log_of(server, platform.address(ADA)) if isinstance(one.event, UserUttered)]
    assert [(one.text, one.input_channel) for one in users] == [("hello", platform.name)]
    assert isinstance(channel_of(server, platform), Messenger)


@pytest.mark.point(4)
async def test_an_operator_answers_over_the_platform(tmp_path: Path, platform: Platform) -> None:
    """An operator's words reach the visitor over the platform, once and in order; the bot is silent meanwhile."""
    operator = Operator(id="1", name="Grace")
    async with serving(tmp_path, platform) as server:
        await delivered(server, platform, platform.text(ADA, "hello", "1"))
        await until(lambda: platform.shown(ADA) == ["Hello."])
        conversation = server.conversations.get(platform.address(ADA))
        for number in range(3):
            for _ in range(2):
                await handling.say(conversation, operator, text=f"Grace {number}", message_id=str(number))
        await delivered(server, platform, platform.text(ADA, "hello", "2"))
        async with asyncio.timeout(30):
            while len(await said(server, platform.address(ADA))) < 2:  # noqa: ASYNC110  # the receiver runs beside
                await asyncio.sleep(0.01)
        await handling.hand_back(conversation, operator)
        await delivered(server, platform, platform.text(ADA, "hello", "3"))
        await until(lambda: len(platform.shown(ADA)) == 5)
    assert platform.shown(ADA) == ["Hello.", "Grace 0", "Grace 1", "Grace 2", "Hello."]


@pytest.mark.point(1)
async def test_requests_of_others_are_refused(tmp_path: Path, platform: Platform) -> None:
    """A request without a valid signature is rejected without a reason and stores nothing."""
    async with serving(tmp_path, platform) as server:
        forged = platform.forged(platform.text(ADA, "hello", "1"))
        assert len(forged) >= 2
        for hook in forged:
            answer = await deliver(server, platform, hook)
            assert answer.status_code in (401, 403)
            assert answer.json()["message"] == "this request could not be verified"
        assert await server.conversations.engine.store.count_received() == 0
        assert channel_of(server, platform).counts.unverified == len(forged)
        await asyncio.sleep(0.1)
        assert platform.attempts == 0


@pytest.mark.point(3)
async def test_a_message_delivered_ten_times_is_one_turn(tmp_path: Path, platform: Platform) -> None:
    """Deliveries at the same time, to two servers, and after a restart cause one turn with one answer."""
    async with serving(tmp_path, platform) as server, serving(tmp_path, platform) as other:
        hook = platform.text(ADA, "hello", "1")
        for answer in await asyncio.gather(
            *(deliver(one, platform, hook) for one in (server, other) for _ in range(5))
        ):
            assert answer.status_code == 200
        await until(lambda: platform.shown(ADA) == ["Hello."])
    async with serving(tmp_path, platform) as server:
        await delivered(server, platform, platform.text(ADA, "hello", "1"), platform.text(ADA, "I am Ada", "2"))
        await until(lambda: len(platform.shown(ADA)) >= 2)
        assert await said(server, platform.address(ADA)) == ["hello", "I am Ada"]
    assert platform.shown(ADA) == ["Hello.", "Hello, Ada."]


@pytest.mark.point(2)
async def test_a_confirmed_message_survives_a_crash(tmp_path: Path, platform: Platform) -> None:
    """A confirmed message whose turn had not begun is answered after the next start."""
    async with serving(tmp_path, platform) as server:
        assert server.application.channels.receiver is not None
        await server.application.channels.receiver.close()
        await delivered(server, platform, *(platform.text(ADA, f"/{name}", name[-1]) for name in ("greet1", "ping2")))
        assert await said(server, platform.address(ADA)) == []
    async with serving(tmp_path, platform) as server:
        await until(lambda: platform.attempts >= 1)
        await delivered(server, platform, platform.text(ADA, "hello", "3"))
        await until(lambda: "Hello." in platform.shown(ADA))
        assert await said(server, platform.address(ADA)) == ["/greet1", "/ping2", "hello"]


@pytest.mark.point(4)
@pytest.mark.usefixtures("quick_retries")
async def test_a_committed_reply_survives_a_crash(tmp_path: Path, platform: Platform) -> None:
    """A reply that was committed and not sent is sent once, after the next start."""
    platform.faults.extend(["down"] * 1_000)
    async with serving(tmp_path, platform) as server:
        await delivered(server, platform, platform.text(ADA, "hello", "1"))
        await until(lambda: platform.attempts >= 1)
    assert platform.sent == []
    platform.faults.clear()
    async with serving(tmp_path, platform):
        await until(lambda: platform.shown(ADA) == ["Hello."])
        await asyncio.sleep(0.3)
    assert platform.shown(ADA) == ["Hello."]


@pytest.mark.point(4)
@pytest.mark.usefixtures("quick_retries")
async def test_an_uncertain_send_is_repeated_and_marked(tmp_path: Path, platform: Platform) -> None:
    """If the connection breaks before the answer, the message is sent again, and the repetition is counted."""
    platform.faults.append("cut")
    async with serving(tmp_path, platform) as server:
        await delivered(server, platform, platform.text(ADA, "hello", "1"))
        await until(lambda: platform.attempts >= 1)
        await delivered(server, platform, platform.text(ADA, "I am Ada", "2"))
        await until(lambda: platform.shown(ADA)[-1:] == ["Hello, Ada."])
        assert server.application.channels.sender is not None
        assert server.application.channels.sender.lanes[platform.name].uncertain == 1
    assert set(platform.shown(ADA)) == {"Hello.", "Hello, Ada."}


@pytest.mark.point(4)
@pytest.mark.usefixtures("quick_retries")
async def test_order_is_kept(tmp_path: Path, platform: Platform) -> None:
    """Messages that arrive during turns are answered in the order of their arrival, also if sends fail."""
    platform.faults.extend(["busy", "down"])
    texts = [f"message {number}" for number in range(8)]
    async with serving(tmp_path, platform) as server:
        for number, text in enumerate(texts):
            await delivered(server, platform, platform.text(ADA, text, str(number + 1)))
        await utter(server, platform.address(ADA), "the last one")
        await until(lambda: "the last one" in platform.shown(ADA))
        assert await said(server, platform.address(ADA)) == texts
        entries = await log_of(server, platform.address(ADA))
    assert platform.shown(ADA) == [entry.event.text for entry in entries if isinstance(entry.event, BotUttered)]


@pytest.mark.point(5)
async def test_a_rate_limit_is_honoured(tmp_path: Path, platform: Platform) -> None:
    """After 429, the message waits as long as the platform asks, and is sent once."""
    platform.faults.append("busy")
    async with serving(tmp_path, platform) as server:
        await delivered(server, platform, platform.text(ADA, "hello", "1"))
        await until(lambda: platform.attempts == 1)
        began = asyncio.get_running_loop().time()
        await until(lambda: platform.shown(ADA) == ["Hello."])
        assert asyncio.get_running_loop().time() - began > 0.8
    assert platform.attempts == 2


@pytest.mark.point(5)
async def test_a_refused_message_lets_later_ones_pass(tmp_path: Path, platform: Platform) -> None:
    """A message that the platform refuses permanently is recorded with the reason, and the next one is sent."""
    platform.faults.append("gone")
    async with serving(tmp_path, platform) as server:
        await delivered(server, platform, platform.text(ADA, "hello", "1"), platform.text(ADA, "I am Ada", "2"))
        await until(lambda: platform.shown(ADA) == ["Hello, Ada."])
        [lost] = await server.conversations.engine.store.undelivered(platform.address(ADA))
        entries = await log_of(server, platform.address(ADA))
        assert entries[lost.seq - 1].event.text == "Hello."  # type: ignore[union-attr]
        assert lost.reason
        assert server.application.channels.sender is not None
        assert server.application.channels.sender.lanes[platform.name].undeliverable == 1
    assert platform.attempts == 2


@pytest.mark.point(5)
async def test_a_slow_send_delays_nobody_else(tmp_path: Path, platform: Platform) -> None:
    """While a send to one visitor hangs, other visitors and other channels are answered."""
    platform.hold, platform.hold_only = asyncio.Event(), ADA
    async with serving(tmp_path, platform, more="rest:\n") as server:
        await delivered(server, platform, platform.text(ADA, "hello", "1"))
        await until(lambda: platform.attempts == 1)
        await delivered(server, platform, platform.text(EVE, "hello", "2"))
        await until(lambda: platform.shown(EVE) == ["Hello."])
        async with httpx.AsyncClient(base_url=server.url) as http:
            answer = await http.post("/webhooks/rest/webhook", json={"sender": "web", "message": "hello"})
        assert answer.json() == [{"recipient_id": "web", "text": "Hello."}]
        assert platform.shown(ADA) == []
        platform.hold.set()
        await until(lambda: platform.shown(ADA) == ["Hello."])


@pytest.mark.point(6)
async def test_long_texts_are_split(tmp_path: Path, platform: Platform) -> None:
    """A text beyond the platform's limit arrives complete, in several messages that are split between words."""
    text = " ".join(f"word{number:06}\U0001f600" for number in range(max(50, min(platform.max_text, 40_000) // 5)))
    async with serving(tmp_path, platform) as server:
        await delivered(server, platform, platform.text(ADA, "hello", "1"))
        await until(lambda: platform.shown(ADA) == ["Hello."])
        await utter(server, platform.address(ADA), text)
        await utter(server, platform.address(ADA), "end")
        await until(lambda: "end" in platform.shown(ADA))
    assert " ".join(platform.shown(ADA)[1:-1]) == text


@pytest.mark.point(6)
@pytest.mark.parametrize("count", [2, 3, 9, 12, 40])
async def test_every_button_can_be_chosen(tmp_path: Path, platform: Platform, count: int) -> None:
    """Any number of buttons reaches the visitor, who can choose the last button."""
    long = '{"who": "' + "A" * 200 + '"}'
    buttons = [{"title": f"Choice {number}", "payload": f"/greet{long}"} for number in range(1, count)]
    buttons.append({"title": "The last", "payload": "/ping" + long})
    async with serving(tmp_path, platform) as server:
        await delivered(server, platform, platform.text(ADA, "hello", "1"))
        await until(lambda: platform.shown(ADA) == ["Hello."])
        await utter(server, platform.address(ADA), "Choose.", buttons=buttons)
        titles = [button["title"] for button in buttons]
        await until(lambda: all(any(title in str(one.raw) for one in platform.sent) for title in titles))
        pressed = [button for one in platform.sent for button in one.buttons]
        hook = platform.press(ADA, pressed[-1], "2") if pressed else platform.text(ADA, str(count), "2")
        await delivered(server, platform, hook)
        await until(lambda: "Ping." in platform.shown(ADA))
        assert (await said(server, platform.address(ADA)))[-1] == "/ping" + long


@pytest.mark.point(8)
async def test_attachments_arrive(tmp_path: Path, platform: Platform) -> None:
    """An image becomes a message that a project can match, with the attachment in its metadata."""
    async with serving(tmp_path, platform) as server:
        await delivered(server, platform, platform.attachment(ADA, "1"))
        await until(lambda: server.application.conversations.engine.metrics.accepted == 1)
        [user] = [
            one.event for one in await log_of(server, platform.address(ADA)) if isinstance(one.event, UserUttered)
        ]
    assert user.text
    [attachment] = user.metadata["attachments"]
    assert attachment["type"] in ("image", "photo")
    assert attachment.get("url") or attachment.get("id")


@pytest.mark.point(6)
async def test_images_are_sent(tmp_path: Path, platform: Platform) -> None:
    """An image of the bot reaches the visitor."""
    async with serving(tmp_path, platform) as server:
        await delivered(server, platform, platform.text(ADA, "hello", "1"))
        await utter(server, platform.address(ADA), "Look.", image="https://example.invalid/a.png")
        await until(lambda: "https://example.invalid/a.png" in str([one.raw for one in platform.sent]))
    assert "Look." in str([one.raw for one in platform.sent])


@pytest.mark.point(6)
async def test_what_cannot_be_shown_is_recorded(tmp_path: Path, platform: Platform) -> None:
    """Content that a platform cannot show is recorded like a rejected message, and the rest is sent."""
    card = {"title": "A card", "buttons": [{"title": f"Button {number}", "payload": "/ping"} for number in range(60)]}
    async with serving(tmp_path, platform) as server:
        await delivered(server, platform, platform.text(ADA, "hello", "1"))
        await utter(
            server, platform.address(ADA), "Look.", custom="a text", elements=[card], buttons=[{"payload": "/x"}]
        )
        await utter(server, platform.address(ADA), "the last one")
        await until(lambda: "the last one" in str([one.raw for one in platform.sent]))
        rejected = await server.conversations.engine.store.undelivered(platform.address(ADA))
    shown = str([one.raw for one in platform.sent])
    reasons = " ".join(one.reason for one in rejected)
    assert "Look." in shown
    assert "a text" in shown or "cannot send this value of custom" in reasons
    assert "Button 59" in shown or "buttons of element 1 are above the limit" in reasons
    assert platform.name == "generic" or "buttons have no title" in reasons


@pytest.mark.point(8)
async def test_unsupported_updates_are_confirmed_and_counted(tmp_path: Path, platform: Platform) -> None:
    """An update that the channel does not support is confirmed, so that the platform does not deliver it forever."""
    async with serving(tmp_path, platform) as server:
        await delivered(server, platform, platform.unknown())
        assert channel_of(server, platform).counts.ignored == 1
        assert await server.conversations.engine.store.count_received() == 0


@pytest.mark.point(8)
async def test_malformed_bodies_are_answered(tmp_path: Path, platform: Platform) -> None:
    """A verified body of any shape is answered without an internal error."""
    async with serving(tmp_path, platform) as server:
        for hook in platform.malformed():
            assert (await deliver(server, platform, hook)).status_code in (200, 400)


async def test_health(tmp_path: Path, platform: Platform) -> None:
    """The health check includes the channel."""
    async with serving(tmp_path, platform) as server, httpx.AsyncClient(base_url=server.url) as http:
        answer = await http.get(f"/webhooks/{platform.name}/")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.point(1)
async def test_conversations_are_closed_to_other_channels(tmp_path: Path, platform: Platform) -> None:
    """REST cannot use a conversation of the platform, unless its section shares it."""
    async with serving(tmp_path, platform, more="rest:\n") as server:
        await delivered(server, platform, platform.text(ADA, "hello", "1"))
        await until(lambda: platform.shown(ADA) == ["Hello."])
        body = {"sender": platform.address(ADA), "message": "hello"}
        async with httpx.AsyncClient(base_url=server.url) as http:
            answer = await http.post("/webhooks/rest/webhook", json=body)
            assert (answer.status_code, answer.json()["details"]["error"]) == (403, "wrong_channel")
    shared = platform.credentials() + "  shared_with: [rest]\nrest:\n"
    async with running(tmp_path, credentials=shared) as server, httpx.AsyncClient(base_url=server.url) as http:
        answer = await http.post("/webhooks/rest/webhook", json=body)
        assert answer.status_code == 200
        assert any("shared_with" in note for note in server.application.notes)
    async with running(tmp_path, credentials="rest:\n") as server, httpx.AsyncClient(base_url=server.url) as http:
        assert (await http.post("/webhooks/rest/webhook", json=body)).status_code == 403


@pytest.mark.point(9)
async def test_the_credentials_are_checked(tmp_path: Path, platform: Platform) -> None:
    """`check` asks the platform whether the credentials are right."""
    async with serving(tmp_path, platform) as server:
        assert await channel_of(server, platform).check()


@pytest.mark.point(2)
async def test_a_slow_action_does_not_delay_the_confirmation(tmp_path: Path, platform: Platform) -> None:
    """The platform gets its answer before the turn, and the reply follows when the action is done."""
    actions = Actions(hold=asyncio.Event())
    async with serving(tmp_path, platform, actions=actions) as server:
        async with asyncio.timeout(10):
            await delivered(server, platform, platform.text(ADA, "work", "1"))
        await until(lambda: len(actions.calls) == 1)
        assert platform.sent == []
        assert actions.hold is not None
        actions.hold.set()
        await until(lambda: platform.shown(ADA) == ["Done."])


@pytest.mark.point(7)
async def test_the_visitor_sees_that_the_bot_works(tmp_path: Path, platform: Platform) -> None:
    """During a turn, the platform shows that the bot is typing, if the platform can show this."""
    async with serving(tmp_path, platform) as server:
        await delivered(server, platform, platform.text(ADA, "hello", "1"))
        await until(lambda: platform.shown(ADA) == ["Hello."])
        if platform.saw_work(ADA) is None:
            assert type(channel_of(server, platform)).show_typing is MessengerChannel.show_typing
        else:
            await until(lambda: bool(platform.saw_work(ADA)))


@pytest.mark.point(9)
async def test_only_configured_addresses_are_called(
    tmp_path: Path, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the addresses in its section, a channel calls no other server."""
    called: list[str] = []
    call = PlatformApi.call

    async def record(self: PlatformApi, method: str, url: str, **more: Any) -> Answer:
        called.append(url)
        return await call(self, method, url, **more)

    monkeypatch.setattr(PlatformApi, "call", record)
    async with serving(tmp_path, platform) as server:
        await delivered(server, platform, platform.text(ADA, "hello", "1"), platform.attachment(ADA, "2"))
        await until(lambda: "Hello." in platform.shown(ADA))
        await channel_of(server, platform).check()
    assert called
    assert [url for url in called if not url.startswith(f"{platform.url}/")] == []


@pytest.mark.point(10)
@pytest.mark.parametrize("name", [*CHANNELS, "twilio_voice", "callback"])
def test_the_channel_is_documented(name: str) -> None:
    """The channel's page has its options, its verification and both directions; the list of channels links to it."""
    names = ["instagram", "facebook"] if name == "instagram" else [name]  # one page refers to the other
    page = "".join((DOCS / f"{one}.md").read_text(encoding="utf-8") for one in names)
    if name != "generic":
        assert "\n1. " in page, "the steps on the platform's side"
        assert all(f"**{part}.**" in page for part in ("Verification", "Received messages", "Sent messages"))
    options = fields_of(find(points.CHANNELS, name).options)
    assert [option.name for option in options if option.is_required and option.name not in page] == []
    assert f"[`{name}`]({name}.md)" in (DOCS / "README.md").read_text(encoding="utf-8")
