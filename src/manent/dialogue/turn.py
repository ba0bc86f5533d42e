"""The turn engine: from a message (or a trigger, or an unfinished log) to the events that answer it.

A turn does no I/O. It changes a `Tracker`, and asks its driver for one `Step` at a time; the driver commits what
`take_events` hands out before it performs a `CallAction` or `Generate`, and again at `Finished`. The table `TABLE`
is the whole machine: which state follows which on what outcome.

How to drive one:

    turn = Turn(model, tracker, env)
    step = turn.start(message)
    while not isinstance(step, Finished):
        match step:
            case Understand():
                step = turn.feed(nlu.parse(step.text))
            case CallAction():
                commit(turn.take_events())
                step = turn.feed(await actions.run(step.name, …))  # or turn.fail(error)
    commit(turn.take_events())
"""

from collections.abc import Iterable
from typing import Any

from manent.core.errors import ActionError
from manent.core.events import Event, Json
from manent.core.messages import UserMessage
from manent.core.tracker import Tracker
from manent.dialogue.model import DialogueModel
from manent.dialogue.steps import ActionAnswer, CallAction, Env, Finished, Generate, Step, Understand

__all__ = ["ActionAnswer", "CallAction", "Env", "Finished", "Generate", "Step", "Turn", "Understand"]


class Turn:
    """One turn of one conversation. Make a new one for each entry point that is called."""

    def __init__(self, model: DialogueModel, tracker: Tracker, env: Env) -> None:
        """Begin with a tracker that holds the committed log (at least `model.window` applied events of it)."""
        raise NotImplementedError

    def start(self, message: UserMessage) -> Step:
        """Take a message: start or renew the session, understand it, fill slots, predict and act until it listens."""
        raise NotImplementedError

    def resume(self, channel: str) -> Step:
        """Go on with a turn whose events so far are in the tracker; an action that was not finished runs again.

        Args:
            channel: name of the output channel, as in `UserMessage.output_channel`.
        """
        raise NotImplementedError

    def trigger(
        self, intent: str, entities: Any = None, metadata: Json | None = None, *, channel: str = "", input_channel: str
    ) -> Step:
        """Act as if the user had meant `intent` (`EXTERNAL: <intent>`): triggers from outside, reminders.

        Args:
            entities: a list of entities in Rasa's form, or an object entity → value.
        """
        raise NotImplementedError

    def execute(self, action: str, *, policy: str | None = None, confidence: float | None = None, channel: str) -> Step:
        """Run one action, without predicting.

        Raises:
            RequestError: `unknown_action`.
        """
        raise NotImplementedError

    def log_message(self, message: UserMessage) -> Step:
        """Record a message and fill slots from it, without answering."""
        raise NotImplementedError

    def apply(self, events: Iterable[Event]) -> Step:
        """Add events that were made outside; they keep their own timestamps where they have one."""
        raise NotImplementedError

    def feed(self, result: Any) -> Step:
        """Give the result of the last step and get the next.

        Args:
            result: of `Understand` the parse result, of `CallAction` an `ActionAnswer`, of `Generate` the message.
        """
        raise NotImplementedError

    def fail(self, error: ActionError) -> Step:
        """Say that the last `CallAction` or `Generate` could not be performed; the turn ends visibly."""
        raise NotImplementedError

    def take_events(self) -> list[Event]:
        """Return the events since the last call that are to be committed now, in order."""
        raise NotImplementedError
