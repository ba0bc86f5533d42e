"""What a turn asks of the outside, and what it is told: the vocabulary between the turn engine and its driver.

`turn.py` hands a `Step` to whoever drives it (the runtime, a test) and is fed the answer. Forms, slot extraction and
the built-in actions are generators over the same steps. Nothing here does anything. These are structs, as events are:
every turn makes some.
"""

import random
from collections.abc import Callable, Generator, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from manent.core.events import Event, Json


class Env(msgspec.Struct, frozen=True, kw_only=True):
    """What a turn takes from the world, as arguments, so that a test decides them.

    Attributes:
        now: the time, in seconds since the epoch, UTC.
        new_id: makes a new unique id (of a message without one, of a reminder without a name).
        rng: picks among the variations of a response.
        stamp: merged into each new event's metadata (`model_id`, `assistant_id`); never changed.
    """

    now: Callable[[], float]
    new_id: Callable[[], str]
    rng: random.Random
    stamp: Json


class Understand(msgspec.Struct, frozen=True, kw_only=True):
    """Run the NLU on this text; feed the parse result (`{text, intent, entities, …}`)."""

    text: str


class CallAction(msgspec.Struct, frozen=True, kw_only=True):
    """Run a custom action, after committing what `Turn.take_events` hands out; feed an `ActionAnswer`, or `fail`.

    Attributes:
        trailing: events that the action's tracker shows after those of the log, though they are not (yet) in the
            log: candidate slots under validation, the form's own events so far.
    """

    name: str
    trailing: tuple[Event, ...] = ()


class Generate(msgspec.Struct, frozen=True, kw_only=True):
    """Have the text of a response made outside, after committing; feed the message as JSON, or `fail`.

    Attributes:
        arguments: further values besides the slots that the text may speak of.
        channel: name of the output channel.
        trailing: as in `CallAction`.
    """

    response: str
    arguments: Json
    channel: str
    trailing: tuple[Event, ...] = ()


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """The turn is over; nothing is fed any more. Commit what `Turn.take_events` hands out."""


Step = Understand | CallAction | Generate | Finished


class ActionAnswer(Protocol):
    """What a custom action answered, as JSON (contract §9); the runtime's `ActionResult` is one."""

    @property
    def events(self) -> Sequence[Json]:
        """Events in wire form."""

    @property
    def responses(self) -> Sequence[Json]:
        """Messages to say, before the events."""

    @property
    def rejected(self) -> bool:
        """The action declined to run (status 400)."""


T = TypeVar("T")
Activity = Generator[Step, Any, T]
"""A piece of a turn that may ask for steps, is sent their results, and returns a T.

A step that failed is thrown in as `manent.core.errors.ActionError`.
"""
Done = list[Event] | Activity[list[Event]]
"""What an action did; or, when it may have to ask for a step before it knows, the activity that returns it."""
