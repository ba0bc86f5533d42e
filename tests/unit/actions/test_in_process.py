import asyncio
import time
from collections.abc import Callable, Iterator

import pytest

from manent.actions.in_process import InProcessActions
from manent.actions.sdk import load_executor
from manent.core.domain import Domain
from manent.core.errors import ActionError
from support.action_servers import ASSISTANTS, action_call

DOMAIN = Domain(original={"intents": ["greet", "bye"]})

Make = Callable[..., InProcessActions]


@pytest.fixture
def in_process() -> Iterator[Make]:
    """Make runners of actions of every kind."""
    made: list[InProcessActions] = []

    def make(*, threads: int = 32, timeout_s: float = 60.0) -> InProcessActions:
        executor = load_executor("kinds", root=ASSISTANTS / "action_kinds")
        made.append(InProcessActions(executor, DOMAIN, threads=threads, timeout_s=timeout_s))
        return made[-1]

    yield make
    for runner in made:
        asyncio.run(runner.close())


@pytest.mark.parametrize("name", ["action_echo", "action_echo_async"])
async def test_an_action_runs(in_process: Make, name: str) -> None:
    """Plain and async actions answer the same."""
    result = await in_process().run(action_call(name, "Hallo"))

    assert [event["value"] for event in result.events] == ["Hallo"]
    assert [response["text"] for response in result.responses] == ["Hallo"]


async def test_an_action_may_decline(in_process: Make) -> None:
    """A rejection is a result, not an error."""
    assert (await in_process().run(action_call("action_rejects"))).rejected


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("action_raises", "action_failed"),
        ("action_exits", "action_failed"),
        ("action_unsayable", "action_garbage"),
        ("action_nobody_wrote", "action_unknown"),
    ],
)
async def test_a_failure_has_its_code(in_process: Make, name: str, code: str) -> None:
    """Whatever an action does, the conversation gets an error with a code, and the process goes on."""
    runner = in_process()

    with pytest.raises(ActionError) as caught:
        await runner.run(action_call(name))

    assert caught.value.code == code
    assert (await runner.run(action_call())).responses


async def test_an_event_of_no_known_kind_is_left_out(in_process: Make) -> None:
    """Actions written for another version go on working, as with Rasa."""
    result = await in_process().run(action_call("action_no_event"))

    assert result.events == ()


async def test_nobody_waits_for_a_blocking_action(in_process: Make) -> None:
    """`time.sleep` inside `async def` delays neither the event loop nor another action."""
    runner = in_process()
    started = time.monotonic()
    slow = [asyncio.ensure_future(runner.run(action_call("action_sleeps", "1.5"))) for _ in range(20)]
    await asyncio.sleep(0.05)
    await runner.run(action_call())
    meanwhile = [one.done() for one in slow]
    await asyncio.gather(*slow)

    assert not any(meanwhile)
    assert time.monotonic() - started < 15.0  # one after the other they take 30


async def test_a_hanging_action_times_out(in_process: Make) -> None:
    """The conversation goes on after the timeout; the action's thread may not."""
    with pytest.raises(ActionError) as caught:
        await in_process(timeout_s=0.1).run(action_call("action_sleeps", "0.5"))

    assert caught.value.code == "action_timeout"


async def test_more_actions_than_threads_wait_their_turn(in_process: Make) -> None:
    """Two threads run six actions, two at a time."""
    runner = in_process(threads=2)
    started = time.monotonic()
    results = await asyncio.gather(*(runner.run(action_call("action_sleeps", "0.1")) for _ in range(6)))

    assert len(results) == 6
    assert 0.29 < time.monotonic() - started < 2.0


async def test_a_closed_runner_finishes_what_it_was_given(in_process: Make) -> None:
    """Calls that still wait for a thread when a new model takes over are not lost."""
    runner = in_process(threads=1)
    calls = [asyncio.ensure_future(runner.run(action_call("action_sleeps", "0.1"))) for _ in range(3)]
    await asyncio.sleep(0.02)
    await runner.close()

    assert [result.rejected for result in await asyncio.gather(*calls)] == [False] * 3


async def test_actions_get_copies(in_process: Make) -> None:
    """An action that changes what it was handed changes nothing but its copy."""
    runner = in_process()
    call = action_call("action_vandal", basket=["apple"])

    first = await runner.run(call)
    second = await runner.run(call)

    assert first.responses[0]["text"] == "2 1"
    assert second.responses[0]["text"] == "2 1"
    assert call.tracker["slots"] == {"basket": ["apple"]}
    assert len(call.tracker["events"]) == 1
    assert DOMAIN.original == {"intents": ["greet", "bye"]}
