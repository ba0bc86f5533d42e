"""Plays recorded conversations through the turn engine, in this process: no server, no NLU, no sleeping.

What the NLU made of a message is taken from the recording; custom actions are the recorded project's own, run by
rasa-sdk; waiting moves a clock.
"""

import asyncio
import datetime as dt
import gc
import itertools
import json
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from manent.core.domain import Domain
from manent.core.errors import ActionError, RequestError
from manent.core.events import (
    ActionExecuted,
    Event,
    Json,
    ReminderCancelled,
    ReminderScheduled,
    Restarted,
    SessionStarted,
    UserUttered,
    encode_event,
    event_from_wire,
)
from manent.core.messages import UserMessage
from manent.core.tracker import Tracker
from manent.dialogue.model import DialogueModel, load_dialogue, train_dialogue
from manent.dialogue.steps import CallAction, Env, Finished, Generate, Step, Understand
from manent.dialogue.turn import Turn
from manent.project.reading import read_project
from manent.runtime.tracker_json import tracker_to_wire

REPLACED_MODULES = ("actions",)


@dataclass(frozen=True)
class Answer:
    """What an action answered."""

    events: list[Json] = field(default_factory=list)
    responses: list[Json] = field(default_factory=list)
    rejected: bool = False


RunAction = Callable[[str, Json], Answer]


def sdk_runner(project: Path) -> RunAction:
    """Return a function that runs a project's custom actions with rasa-sdk."""
    from rasa_sdk.executor import ActionExecutor
    from rasa_sdk.interfaces import ActionExecutionRejection, ActionNotFoundException

    for name in [name for name in sys.modules if name.split(".")[0] in REPLACED_MODULES]:
        del sys.modules[name]
    gc.collect()  # the SDK registers every class of an action that is still alive, those of other projects too
    sys.path.insert(0, str(project))
    executor = ActionExecutor()
    try:
        if (project / "actions").exists() or (project / "actions.py").exists():
            executor.register_package("actions")
    finally:
        sys.path.remove(str(project))

    def run(name: str, request: Json) -> Answer:
        try:
            result: Any = asyncio.run(executor.run(request))
        except ActionExecutionRejection:
            return Answer(rejected=True)
        except ActionNotFoundException as error:
            raise ActionError("action_unknown", str(error)) from error
        except Exception as error:
            raise ActionError("action_failed", f"{name}: {error}") from error
        if result is None:
            return Answer()
        return Answer(events=result.events, responses=result.responses)

    return run


@dataclass
class Player:
    """One conversation."""

    model: DialogueModel
    run_action: RunAction
    project_domain: Json
    sender_id: str = "peer"
    clock: float = field(default_factory=lambda: dt.datetime.now(dt.UTC).timestamp())
    reminders: list[tuple[float, ReminderScheduled]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tracker = Tracker(sender_id=self.sender_id, domain=self.model.domain)
        self.events: list[Event] = []
        ids = itertools.count(1)
        seeded = random.Random(7)  # noqa: S311 - picks variations
        self.env = Env(now=self._tick, new_id=lambda: f"id-{next(ids)}", rng=seeded, stamp={"assistant_id": "peer"})
        self.parses: dict[str, Json] = {}

    def _tick(self) -> float:
        self.clock += 0.0001
        return self.clock

    def turn(self) -> Turn:
        """Return a new turn of this conversation."""
        return Turn(self.model, self.tracker, self.env)

    def drive(self, turn: Turn, step: Step) -> None:
        """Perform steps until the turn is over."""
        while not isinstance(step, Finished):
            if isinstance(step, Understand):
                step = turn.proceed(self.parses.get(step.text) or {"text": step.text, "intent": {"name": None}})
                continue
            self.commit(turn.take_events())
            assert isinstance(step, CallAction | Generate)
            assert isinstance(step, CallAction)
            try:
                answer = self.run_action(step.name, self.request(step))
            except ActionError as error:
                step = turn.fail(error)
            else:
                step = turn.proceed(answer)
        self.commit(turn.take_events())

    def request(self, step: CallAction) -> Json:
        """Return what an action server is sent."""
        starts = [index for index, event in enumerate(self.events) if isinstance(event, SessionStarted)]
        session = self.events[max(0, starts[-1] - 1) if starts else 0 :]
        tracker = tracker_to_wire(self.tracker, [encode_event(event) for event in session], trailing=step.trailing)
        return {
            "next_action": step.name,
            "sender_id": self.sender_id,
            "tracker": msgspec.json.decode(msgspec.json.encode(tracker)),
            "domain": self.project_domain,
            "version": "3.6.21",
        }

    def commit(self, events: list[Event]) -> None:
        """Keep events, and schedule or cancel reminders."""
        for event in events:
            self.events.append(event)
            match event:
                case ReminderScheduled():
                    due = dt.datetime.fromisoformat(event.date_time).timestamp()
                    self.reminders = [each for each in self.reminders if each[1].name != event.name or not event.name]
                    self.reminders.append((due, event))
                case ReminderCancelled():
                    self.reminders = [each for each in self.reminders if not _is_cancelled(each[1], event)]
                case _:
                    pass

    def say(self, step: Json) -> None:
        """Send a user's message."""
        channel = step.get("channel", "rest")
        if not isinstance(step.get("metadata") or {}, dict):
            return  # the channel answers with an error
        message = UserMessage(
            sender_id=self.sender_id,
            text=step["user"].strip(),
            input_channel=step.get("input_channel", channel),
            output_channel="collector" if channel == "rest" else channel,
            metadata=step.get("metadata") or {},
        )
        turn = self.turn()
        self.drive(turn, turn.start(message))

    def wait(self, seconds: float) -> None:
        """Let time pass; reminders fire."""
        self.clock += seconds
        for due, reminder in sorted(self.reminders, key=lambda each: each[0]):
            if due <= self.clock:
                self.reminders = [each for each in self.reminders if each[1] is not reminder]
                if self._is_alive(reminder):
                    turn = self.turn()
                    self.drive(turn, turn.trigger(reminder.intent, reminder.entities))

    def _is_alive(self, reminder: ReminderScheduled) -> bool:
        newest_first = list(reversed(self.events))
        at = next(index for index, event in enumerate(newest_first) if event is reminder)
        since = newest_first[:at]
        if any(isinstance(event, Restarted) for event in since):
            return False
        return not (reminder.kill_on_user_msg and any(isinstance(e, UserUttered) and e.text for e in since))

    def http(self, request: Json) -> bool:
        """Do what the HTTP API would do; False when that is not the dialogue's business."""
        path, body = request["path"], request.get("json")
        route = path.rpartition("{sender}")[2]
        channel = {"latest": "collector", None: "collector"}.get(
            (request.get("query") or {}).get("output_channel"), "collector"
        )
        turn = self.turn()
        try:
            match request["method"], route:
                case "POST", "/trigger_intent" if body and body.get("name") in self.model.domain.intents:
                    step = turn.trigger(body["name"], body.get("entities"), channel=channel)
                case "POST", "/tracker/events" if body:
                    wires = body if isinstance(body, list) else [body]
                    step = turn.apply([event_from_wire(each) for each in wires])
                case "POST", "/execute" if body and "name" in body:
                    step = turn.execute(
                        body["name"], policy=body.get("policy"), confidence=body.get("confidence"), channel=channel
                    )
                case "POST", "/messages" if body and body.get("text") is not None and body.get("sender") == "user":
                    step = turn.log_message(
                        UserMessage(
                            sender_id=self.sender_id,
                            text=body["text"],
                            parse_data=body.get("parse_data"),
                            input_channel=None,
                        )
                    )
                case _:
                    return False
        except RequestError:
            return True
        self.drive(turn, step)
        return True


def _is_cancelled(reminder: ReminderScheduled, cancel: ReminderCancelled) -> bool:
    return (
        (cancel.name is None or cancel.name == reminder.name)
        and (cancel.intent is None or cancel.intent == reminder.intent)
        and (cancel.entities is None or cancel.entities == reminder.entities)
    )


@dataclass(frozen=True)
class Assistant:
    """A recorded project, trained."""

    model: DialogueModel
    run_action: RunAction
    domain: Domain

    def player(self) -> Player:
        """Return a new conversation with it."""
        return Player(model=self.model, run_action=self.run_action, project_domain=self.domain.original)


def build(project: Path, sdk: RunAction | None = None) -> Assistant:
    """Read and train a project."""
    found = read_project(project)
    files = train_dialogue(found.config, found.domain, found.stories)
    return Assistant(load_dialogue(files, found.domain), sdk or sdk_runner(project), found.domain)


def load(path: Path) -> Json:
    """Read a recording."""
    recording: Json = json.loads(path.read_text(encoding="utf-8"))
    return recording


def is_action(event: Event, name: str) -> bool:
    """Whether the event is this action."""
    return isinstance(event, ActionExecuted) and event.name == name
