"""The steps of a turn: requests from the turn engine to its driver.

The driver is the code that runs a turn: the runtime or a test. `turn.py` returns a `Step` to the driver and receives
the result. Forms, slot extraction and the built-in actions are generators over the same steps. This module contains
only data. Like events, steps are msgspec structs, because every turn creates some.
"""

import random
from collections.abc import Callable, Generator
from typing import Any, Literal, TypeVar

import msgspec

from manent.core.events import Event, Json


class Handoff(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a turn may request a person.

    Attributes:
        is_staffed: returns whether a person can answer at a time, in seconds since the epoch.
        when_away: what happens if nobody can answer. `answer`: the bot says so. `queue`: the conversation waits.
        on_error: whether a failure of the bot requests a person.
    """

    is_staffed: Callable[[float], bool]
    when_away: Literal["answer", "queue"] = "answer"
    on_error: bool = False


UNSTAFFED = Handoff(is_staffed=lambda _: False)
"""For servers without a desk: nobody answers."""


class Env(msgspec.Struct, frozen=True, kw_only=True):
    """The environment of a turn, passed as an argument so that tests can set it.

    Attributes:
        now: returns the time, in seconds since the epoch, UTC.
        new_id: returns a new unique id, for a message without an id or a reminder without a name.
        rng: selects among the variations of a response.
        stamp: data to add to each new event's metadata (`model_id`, `assistant_id`). It never changes.
        handoff: whether the turn may request a person.
        posted_to: output channels that read their messages from the log. Bot messages of their turns name the channel
            in the metadata, as `output_channel`.
    """

    now: Callable[[], float]
    new_id: Callable[[], str]
    rng: random.Random
    stamp: Json
    handoff: Handoff = UNSTAFFED
    posted_to: frozenset[str] = frozenset()


class Understand(msgspec.Struct, frozen=True, kw_only=True):
    """Run the NLU on this text. The result is the parse result (`{text, intent, entities, …}`)."""

    text: str


class CallAction(msgspec.Struct, frozen=True, kw_only=True):
    """Run a custom action after committing the events of `Turn.take_events`. The result is an `ActionResult`.

    Attributes:
        trailing: events that are not in the log yet. The action receives them after the log's events.
            They are the slots that the action validates, and the form's previous events.
    """

    name: str
    trailing: tuple[Event, ...] = ()


class Generate(msgspec.Struct, frozen=True, kw_only=True):
    """Generate a response's text on another server, after committing as for `CallAction`.

    The result is the message as JSON.

    Attributes:
        arguments: values that the text can use in addition to the slots.
        channel: name of the output channel.
        trailing: events that are not in the log yet, as for `CallAction`.
    """

    response: str
    arguments: Json
    channel: str
    trailing: tuple[Event, ...] = ()


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """The turn has ended and needs no more results. Commit the events of `Turn.take_events`."""


Step = Understand | CallAction | Generate | Finished


class ActionResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a custom action, as JSON (contract §9).

    Attributes:
        events: events to add to the log, in wire form.
        responses: messages to send to the visitor. The messages precede the events in the log.
        rejected: whether the action refused to run (status 400).
    """

    events: tuple[Json, ...] = ()
    responses: tuple[Json, ...] = ()
    rejected: bool = False


T = TypeVar("T")
Activity = Generator[Step, Any, T]
"""A part of a turn:

a generator that yields steps, receives their results, and returns a T. If a step failed, the driver throws
`manent.core.errors.ActionError` into it.
"""
Done = list[Event] | Activity[list[Event]]
"""The events of an action. If the action needs the results of steps, an activity that returns the events."""
