"""Conversations with the turn engine alone: a fixed clock, scripted actions and no event loop."""

import itertools
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from manent.core.domain import Domain
from manent.core.errors import ActionError
from manent.core.events import Event, Json, encode_event, event_to_wire
from manent.core.messages import UserMessage
from manent.core.tracker import Tracker
from manent.dialogue.model import DialogueModel, load_dialogue, train_dialogue
from manent.dialogue.steps import CallAction, Env, Finished, Generate, Step, Understand
from manent.dialogue.turn import Turn
from manent.project.reading import Project, read_project

CONFIG = """
recipe: default.v1
assistant_id: test
language: en
pipeline: [{name: WhitespaceTokenizer}, {name: KeywordIntentClassifier}]
policies: [{name: MemoizationPolicy}, {name: RulePolicy}]
"""


@dataclass(frozen=True)
class Answer:
    """The result of a scripted action."""

    events: tuple[Json, ...] = ()
    responses: tuple[Json, ...] = ()
    rejected: bool = False


def slot(name: str, value: Any) -> Json:
    """Return a slot event in wire form."""
    return {"event": "slot", "name": name, "value": value}


Script = Callable[[CallAction, Tracker], Answer]


def write_project(root: Path, *, domain: str, data: str = "", config: str = CONFIG) -> Project:
    """Write a project's files and read them."""
    (root / "data").mkdir(exist_ok=True)
    (root / "domain.yml").write_text('version: "3.1"\n' + domain, encoding="utf-8")
    (root / "data" / "data.yml").write_text('version: "3.1"\n' + data, encoding="utf-8")
    (root / "config.yml").write_text(config, encoding="utf-8")
    return read_project(root)


def train(root: Path, *, domain: str, data: str = "", config: str = CONFIG, **options: Any) -> DialogueModel:
    """Train an assistant and load it from its files, as a server would."""
    project = write_project(root, domain=domain, data=data, config=config)
    files = train_dialogue(project.config, project.domain, project.stories)
    return load_dialogue(files, project.domain, **options)


@dataclass
class Talk:
    """One conversation.

    Attributes:
        actions: custom action → what it does; one that is not here can't be run.
        events: the log.
        calls: the steps that went outside, in order.
    """

    model: DialogueModel
    actions: Mapping[str, Script] = field(default_factory=dict)
    now: float = 1_000_000.0
    events: list[Event] = field(default_factory=list)
    calls: list[CallAction | Generate] = field(default_factory=list)
    generated: Callable[[Generate], Json] | None = None

    def __post_init__(self) -> None:
        self.tracker = self.replayed()
        ids = itertools.count(1)
        self.env = Env(
            now=lambda: self.now,
            new_id=lambda: f"id-{next(ids)}",
            rng=random.Random(1),  # noqa: S311 - picks variations
            stamp={"assistant_id": "test"},
        )

    @property
    def domain(self) -> Domain:
        """The assistant's domain."""
        return self.model.domain

    def replayed(self) -> Tracker:
        """Return a new tracker from the log."""
        tracker = Tracker(sender_id="someone", domain=self.model.domain)
        for event in self.events:
            tracker.update(event)
        return tracker

    def turn(self) -> Turn:
        """Return a new turn."""
        return Turn(self.model, self.tracker, self.env)

    def say(self, text: str, intent: str | None = None, *entities: Json, **values: Any) -> list[str]:
        """Send a message with this parse result; return one line per new event."""
        found = [*entities, *({"entity": name, "value": value} for name, value in values.items())]
        parse_data = {"text": text, "intent": {"name": intent, "confidence": 1.0}, "entities": found}
        turn = self.turn()
        return self.drive(turn, turn.start(UserMessage(sender_id="someone", text=text, parse_data=parse_data)))

    def intent(self, name: str, *entities: Json, **values: Any) -> list[str]:
        """Send `/name` with entities."""
        return self.say(f"/{name}", name, *entities, **values)

    def drive(self, turn: Turn, step: Step) -> list[str]:
        """Perform the steps of a turn until it ends; return one line per new event."""
        start = len(self.events)
        while not isinstance(step, Finished):
            assert not isinstance(step, Understand)
            self.events += turn.take_events()
            self.calls.append(step)
            try:
                result = self.perform(step)
            except ActionError as error:
                step = turn.fail(error)
            else:
                step = turn.proceed(result)
        self.events += turn.take_events()
        return [line(event) for event in self.events[start:]]

    def perform(self, step: CallAction | Generate) -> Any:
        """Return the result of a step."""
        if isinstance(step, Generate):
            assert self.generated is not None
            return self.generated(step)
        if step.name not in self.actions:
            raise ActionError("action_unreachable", f"{step.name} is not there")
        return self.actions[step.name](step, self.tracker)


def line(event: Event) -> str:
    """Return a short text for an event."""
    wire = event_to_wire(event)
    match wire["event"]:
        case "user":
            return f"user {(wire['parse_data'].get('intent') or {}).get('name')}"
        case "bot":
            return f"bot {wire['text']}"
        case "action":
            return str(wire["name"] or f"says {wire['action_text']}")
        case "slot":
            return f"{wire['name']} = {wire['value']!r}"
        case "active_loop":
            return f"loop {wire['name']}"
        case "action_execution_rejected":
            return f"rejected {wire['name']}"
        case "user_featurization":
            return "text" if wire["use_text_for_featurization"] else "intent"
        case "loop_interrupted":
            return "interrupted"
        case kind:
            return str(kind)


def brief(lines: list[str]) -> list[str]:
    """Leave out the events that every turn has."""
    usual = ("intent", "action_listen", "action_session_start", "session_started")
    return [each for each in lines if each not in usual]


def said(lines: list[str]) -> list[str]:
    """Return the texts of the bot's messages."""
    return [each.removeprefix("bot ") for each in lines if each.startswith("bot ")]


def log_bytes(events: list[Event]) -> list[bytes]:
    """Return the events as a store encodes them."""
    return [encode_event(event) for event in events]
