"""The steps of a turn: what the turn engine requests from its driver.

`turn.py` returns a `Step` to its driver (the runtime, a test) and receives the result. Forms, slot extraction and the
built-in actions are generators over the same steps. Only data here. These are msgspec structs, as events are, because
every turn creates some.
"""

import random
from collections.abc import Callable, Generator, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from manent.core.events import Event, Json


class Env(msgspec.Struct, frozen=True, kw_only=True):
    """The environment of a turn, passed as an argument so that tests can set it.

    Attributes:
        now: returns the time, in seconds since the epoch, UTC.
        new_id: returns a new unique id (for a message without id, a reminder without name).
        rng: selects among the variations of a response.
        stamp: merged into the metadata of each new event (`model_id`, `assistant_id`). Never changes.
    """

    now: Callable[[], float]
    new_id: Callable[[], str]
    rng: random.Random
    stamp: Json


class Understand(msgspec.Struct, frozen=True, kw_only=True):
    """Run the NLU on this text. Feed the parse result (`{text, intent, entities, …}`)."""

    text: str


class CallAction(msgspec.Struct, frozen=True, kw_only=True):
    """Run a custom action after committing the events of `Turn.take_events`. Feed an `ActionAnswer`, or `fail`.

    Attributes:
        trailing: events that the action's tracker contains after those of the log although they are not in the log
            (yet): slots under validation, the form's previous events.
    """

    name: str
    trailing: tuple[Event, ...] = ()


class Generate(msgspec.Struct, frozen=True, kw_only=True):
    """Generate the text of a response externally, after committing. Feed the message as JSON, or `fail`.

    Attributes:
        arguments: values besides the slots that the text may use.
        channel: name of the output channel.
        trailing: see `CallAction`.
    """

    response: str
    arguments: Json
    channel: str
    trailing: tuple[Event, ...] = ()


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """The turn has ended and needs no more results. Commit the events of `Turn.take_events`."""


Step = Understand | CallAction | Generate | Finished


class ActionAnswer(Protocol):
    """The response of a custom action as JSON (contract §9), for example the runtime's `ActionResult`."""

    @property
    def events(self) -> Sequence[Json]:
        """Events in wire form."""

    @property
    def responses(self) -> Sequence[Json]:
        """Messages to send, before the events."""

    @property
    def rejected(self) -> bool:
        """Whether the action refused to run (status 400)."""


T = TypeVar("T")
Activity = Generator[Step, Any, T]
"""A part of a turn that yields steps, receives their results, and returns a T.

`manent.core.errors.ActionError` is thrown in if a step failed.
"""
Done = list[Event] | Activity[list[Event]]
"""The events of an action, or the activity that returns them if the action needs steps."""
