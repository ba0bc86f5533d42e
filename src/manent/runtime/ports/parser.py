"""The interfaces to the NLU.

`nlu/pipeline.py` implements the parser. `server/outside` implements the calls of the servers that the parser needs
(Duckling).
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from manent.core.events import Json
from manent.nlu.services import Service


class Parser(Protocol):
    """Parses messages, without I/O.

    Attributes:
        is_trained: whether it understands more than payloads (`/greet`). The parser of a core model does not.
    """

    is_trained: bool

    def needs_services(self, text: str) -> bool:
        """Return whether the result for this text depends on servers."""

    def parse(self, text: str, *, found: Mapping[Service, Sequence[Json]] = ...) -> Json:
        """Return Rasa's parse result for a text.

        Args:
            text: the message.
            found: the entities that servers found in it.
        """

    def diagnose(self, text: str) -> Json:
        """Return details that the parse result does not contain: `calibrated`, the intents with their probabilities."""


class Services(Protocol):
    """Calls the servers that a pipeline needs (`Pipeline.services`)."""

    def ask(self, text: str) -> Mapping[Service, Sequence[Json]]:
        """Return the entities that each service found.

        This blocks. A service that cannot be reached finds no entities.
        """

    async def ask_aside(self, text: str) -> Mapping[Service, Sequence[Json]]:
        """Return the same as `ask` without blocking the event loop."""
