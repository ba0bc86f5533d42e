"""Measure the CPU time of each part of a turn, in one process.

    python bench/budget.py [PROJECT]

Each line of the output adds a part: the NLU alone, the decision alone, both in a conversation with a store that stores
nothing, and both with SQLite. The writing thread's time is shown separately. The last lines show the cost of
reading and writing a Socket.IO packet. There are 32 conversations at once, and each message is a new text. The program
prints the lowest time of many short runs, because other programs can only increase the times. `turn.py` measures the
whole server, so the difference is the cost of the transport. PROJECT must have a trained model. Without PROJECT, the
program creates a project with `manent init`.
"""

import argparse
import asyncio
import itertools
import logging
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop
from project import template, train
from servers import MANENT

from manent.channels.socketio.send_queue import SendQueue
from manent.core.conversation_log import Append
from manent.core.messages import UserMessage
from manent.core.tracker import Tracker
from manent.dialogue.turn import Env, Finished, Turn
from manent.runtime.assistant import Assistant
from manent.runtime.conversation.engine import Engine
from manent.runtime.conversation.registry import Conversations
from manent.runtime.ports.store import ConversationStore
from manent.server.loading import load_assistant
from manent.stores.memory import MemoryStore
from manent.stores.sqlite.store import SqliteStore

PHRASES = ("hello", "bye", "are you a bot?", "hi there", "good morning")
AT_ONCE = 32
TURNS = 64
RUNS = 80

_numbers = itertools.count(100_000, 7)


class Forgetful(MemoryStore):
    """A store that stores nothing and takes no time."""

    async def append(self, append: Append) -> None:
        """Return at once, as if the operation were done."""


class Wire:
    """The part of an Engine.IO socket that `SendQueue` uses."""

    closed = False

    def __init__(self) -> None:
        self.queue: asyncio.Queue[object] = asyncio.Queue()


def text() -> str:
    """Return a new text: a message that was not sent before."""
    number = next(_numbers)
    return f"{PHRASES[number % len(PHRASES)]} {number}"


def message(sender_id: str, parse_data: dict[str, object] | None = None) -> UserMessage:
    """Return a message as the Socket.IO channel submits it."""
    return UserMessage(
        sender_id=sender_id, text=text(), input_channel="socketio", output_channel="socketio", parse_data=parse_data
    )


def least(work: Callable[[], object]) -> float:
    """Return the CPU time of one call in µs: the lowest time in many short runs."""
    spent = []
    for _ in range(RUNS):
        before = time.process_time()
        for _ in range(TURNS):
            work()
        spent.append(time.process_time() - before)
    return min(spent) / TURNS * 1e6


def decision(assistant: Assistant) -> float:
    """Return the CPU time in µs of a turn's decisions, without NLU and store."""
    env = Env(now=time.time, new_id=lambda: "id", rng=random.Random(1), stamp=assistant.stamp)
    tracker = Tracker(sender_id="bench", domain=assistant.domain)
    parses = itertools.cycle([assistant.pipeline.parse(phrase) for phrase in PHRASES])

    def turn() -> None:
        one = Turn(assistant.dialogue, tracker, env)
        assert isinstance(one.start(message("bench", next(parses))), Finished)
        one.take_events()
        tracker.trim(assistant.dialogue.window)

    return least(turn)


async def conversations_over(store: ConversationStore, assistant: Assistant) -> tuple[float, float]:
    """Return the CPU time in µs of a whole turn, and of its part on the event loop's thread."""
    conversations = Conversations(Engine(store=store, assistant=assistant))
    await conversations.open()

    async def talk(number: int, turns: int) -> None:
        conversation = conversations.get(f"visitor {number}")
        for _ in range(turns):
            await conversation.submit(message(conversation.sender_id)).finished

    async def everybody(turns: int) -> None:
        await asyncio.gather(*(talk(number, turns) for number in range(AT_ONCE)))

    await everybody(3)
    spent = []
    for _ in range(RUNS):
        process, thread = time.process_time(), time.thread_time()
        await everybody(TURNS // AT_ONCE)
        spent.append((time.process_time() - process, time.thread_time() - thread))
    await conversations.close()
    return min(all_of_it for all_of_it, _ in spent) / TURNS * 1e6, min(loop for _, loop in spent) / TURNS * 1e6


async def sending() -> float:
    """Return the CPU time in µs for encoding an answer and adding it to a socket's queue."""
    wire = Wire()
    send_queue = SendQueue(wire, namespace="/", max_packets=10_000)

    def send() -> None:
        send_queue.emit("bot_uttered", {"text": "Hey! How are you?"})
        wire.queue.get_nowait()

    return least(send)


async def measure(assistant: Assistant, folder: Path) -> dict[str, float]:
    """Return the CPU time in µs of each part."""
    parse = least(lambda: assistant.pipeline.parse(text()))
    decided = decision(assistant)
    bare, _ = await conversations_over(Forgetful(), assistant)
    whole, loop = await conversations_over(SqliteStore(folder / "budget.db"), assistant)
    return {
        "parse": parse,
        "predict and act": decided,
        "mailbox, tracker, numbers, delivery": bare - parse - decided,
        "commit, on the loop": loop - bare,
        "commit, on the writer's thread": whole - loop,
        "encode": await sending(),
        "a whole turn in process": whole,
    }


def main() -> None:
    """Run all measurements and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", type=Path, nargs="?")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        project = options.project or template(Path(folder))
        if options.project is None:
            train(MANENT, project)
        assistant = load_assistant(project / "models", external_nlg=False)
        run: Callable[[Awaitable[dict[str, float]]], dict[str, float]] = uvloop.run  # type: ignore[assignment]
        for part, spent in run(measure(assistant, Path(folder))).items():
            print(f"{part:<38} {spent:5.0f} µs")


if __name__ == "__main__":
    sys.exit(main())
