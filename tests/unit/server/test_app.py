"""How a server's parts open and close: all of them, or none."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from manent.channels.opening import Channels
from manent.core.errors import StoreError
from manent.runtime.background.publishing import Publisher
from manent.runtime.background.reminders import Reminders
from manent.runtime.background.retention import Retention
from manent.runtime.conversation.registry import Conversations
from manent.runtime.identity.revocations import Revocations
from manent.server.app import Application, build
from manent.server.options import ServeOptions
from support.small_talk import model_file

PARTS = (Conversations, Channels, Revocations, Retention, Publisher, Reminders)
"""In the order of opening."""


@pytest.fixture
def application(tmp_path: Path) -> Application:
    """A server with every part, not yet open."""
    (tmp_path / "endpoints.yml").write_text("event_broker:\n  type: file\nconversations:\n  retention_days: 30\n")
    return build(ServeOptions(root=tmp_path, model=model_file()))


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, type]]:
    """What the parts did, in order: `open` when one has opened, `close` when one has closed."""
    done: list[tuple[str, type]] = []

    def record(part: Any, name: str) -> None:
        original = getattr(part, name)

        async def recorded(self: Any, *arguments: Any, **options: Any) -> None:
            await original(self, *arguments, **options)
            done.append((name, part))

        monkeypatch.setattr(part, name, recorded)

    for part in PARTS:
        record(part, "open")
        record(part, "close")
    return done


@pytest.mark.parametrize("failing", PARTS, ids=lambda part: part.__name__)
async def test_a_part_that_fails_to_open_leaves_no_other_open(
    application: Application, steps: list[tuple[str, type]], monkeypatch: pytest.MonkeyPatch, failing: Any
) -> None:
    """The parts before it are closed in reverse, those after it are never opened, and no task is left."""

    async def fail(*_: Any) -> None:
        raise StoreError("store_unreachable", "the disk is gone")

    monkeypatch.setattr(failing, "open", fail)
    with pytest.raises(StoreError, match="the disk is gone"):
        async with application.opened():
            pytest.fail("the server has started")

    before = PARTS[: PARTS.index(failing)]
    closed = [part for step, part in steps if step == "close"]
    assert [part for step, part in steps if step == "open"] == list(before)
    assert closed == list(reversed(before)) or (failing is Conversations and closed == [Conversations])
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_parts_close_in_the_reverse_order_of_opening(
    application: Application, steps: list[tuple[str, type]]
) -> None:
    """What was opened last is closed first, and no task is left."""
    async with application.opened():
        assert steps == [("open", part) for part in PARTS]
        steps.clear()

    assert steps == [("close", part) for part in reversed(PARTS)]
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize(
    ("limits", "tasks"),
    [
        ("normal", 0),
        ("public", 1),
        ("{messages_per_minute: 100}", 1),
        ("{messages_per_minute: 0}", 0),
        ("{text: 9}", 0),
    ],
)
async def test_servers_share_configured_limits(tmp_path: Path, limits: str, tasks: int) -> None:
    """The task that shares rate limits runs only if a limit per minute is configured."""
    (tmp_path / "endpoints.yml").write_text(f"limits: {limits}\n")
    application = build(ServeOptions(root=tmp_path, model=model_file()))
    async with application.opened():
        assert [task.get_name() for task in asyncio.all_tasks()].count("rate_limits") == tasks
