"""The interfaces to custom actions and to the server that generates response texts. `actions/` implements them."""

from dataclasses import dataclass
from typing import Final, Protocol

from manent.core.events import Json
from manent.dialogue.steps import ActionResult

NEWEST_EVENTS: Final = 500
"""Default number of session events that an action receives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionCall:
    """One call of a custom action.

    Attributes:
        name: name of the action.
        sender_id: key of the conversation in which the action runs.
        tracker: the tracker as JSON, with `events` limited to the current session.
        idempotency_key: `epoch:seq:action`, and `:2`, `:3`, … for further calls before the next event. A repeated call
            after a crash has the same key.
    """

    name: str
    sender_id: str
    tracker: Json
    idempotency_key: str


class ActionRunner(Protocol):
    """Runs custom actions: on an action server, or in this process."""

    @property
    def newest_events(self) -> int | None:
        """Maximum number of events from the session that an action receives, newest first. None means all events."""

    async def run(self, call: ActionCall) -> ActionResult:
        """Run an action and return its result.

        Raises:
            ActionError: the action failed or could not be called.
        """

    async def close(self) -> None:
        """Close connections and stop threads."""


class Generator(Protocol):
    """Generates response texts on another server (`nlg:` in `endpoints.yml`)."""

    async def generate(self, response: str, arguments: Json, tracker: Json, channel: str) -> Json:
        """Return a message as JSON (`text`, `buttons`, `image`, …).

        Raises:
            ActionError: the server was unreachable, or its response is not a valid message.
        """

    async def close(self) -> None:
        """Close the connections."""
