"""Train many assistants with real Rasa in one process, and record the actions that it runs in their conversations.

    PYTHONPATH=tests .venv-rasa/bin/python bench/record_policies.py random --first 0 --count 260
    PYTHONPATH=tests .venv-rasa/bin/python bench/record_policies.py written [NAME...]

Runs under Rasa's Python. `random` selects the assistants of `tests/peer/random_assistants.py`, which use memoization.
`written` selects the assistants of `tests/peer/written/`, which use TEDPolicy. `tests/peer/test_no_silence.py` replays
the recordings.
"""

import argparse
import asyncio
import json
import logging
import os
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import rasa
import structlog
from rasa.core.agent import Agent
from rasa.shared.core.events import ActionExecuted, BotUttered, UserUttered
from rasa.utils.endpoints import EndpointConfig

from peer import random_assistants, recorded_turns, talks, written_assistants


class _Actions(BaseHTTPRequestHandler):
    """An action server whose actions set slots according to their names."""

    def do_POST(self) -> None:
        """Answer one action."""
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps({"events": talks.action_events(request["next_action"]), "responses": []}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


async def play(agent: Agent, messages: list[str], sender: str) -> list[recorded_turns.Turn]:
    """Run one conversation. Return the actions after each message."""
    for message in messages:
        await agent.handle_text(message, sender_id=sender)
    tracker = await agent.tracker_store.retrieve(sender)
    turns: list[list[Any]] = []
    for event in tracker.events:
        if isinstance(event, UserUttered):
            turns.append([])
        elif turns:
            turns[-1].append(event)
    return [
        recorded_turns.Turn(
            tuple(
                each.action_name or each.action_text
                for each in events
                if isinstance(each, ActionExecuted) and each.action_name not in recorded_turns.UNCOUNTED
            ),
            any(isinstance(each, BotUttered) for each in events),
        )
        for events in turns
    ]


def record(
    project: talks.Json, planned: list[list[str]], actions_url: str, arguments: dict[str, Any]
) -> list[list[recorded_turns.Turn]] | None:
    """Train an assistant and run its conversations. Return None if Rasa refuses to train it."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        talks.write_project(project, root)
        os.environ["RASA_CACHE_DIRECTORY"] = str(root / "cache")
        try:
            made = rasa.train(
                str(root / "domain.yml"), str(root / "config.yml"), [str(root / "data")], output=str(root / "models"),
                core_additional_arguments=arguments,
            )  # fmt: skip
        except Exception as error:  # noqa: BLE001 - each kind of refusal is recorded
            print(f"refused: {type(error).__name__}: {str(error)[:300]}", flush=True)
            return None
        if made.model is None:
            return None
        agent = Agent.load(made.model, action_endpoint=EndpointConfig(actions_url))

        async def all_of_them() -> list[list[recorded_turns.Turn]]:
            return [await play(agent, messages, f"talk-{number}") for number, messages in enumerate(planned)]

        return asyncio.run(all_of_them())


def main() -> None:
    """Record all conversations."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", choices=("random", "written"))
    parser.add_argument("names", nargs="*")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=random_assistants.COUNT)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Actions)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/webhook"
    module = random_assistants if options.which == "random" else written_assistants
    names = options.names or (
        [str(number) for number in range(options.first, options.first + options.count)]
        if options.which == "random"
        else written_assistants.names()
    )
    # Only learned policies use the stories that augmentation creates, and training on these stories takes many times
    # longer.
    arguments = {"augmentation_factor": 0}
    out = options.out or recorded_turns.path(options.which)
    kept = recorded_turns.load(out) if out.exists() else {}
    for name in names:
        begun = time.perf_counter()
        project = module.project(name)
        planned = module.planned(name)
        kept[name] = recorded_turns.Recording.of(project, planned, record(project, planned, url, arguments))
        recorded_turns.save(out, kept)
        print(f"{name}: {time.perf_counter() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
