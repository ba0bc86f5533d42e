"""The interfaces to the NLU.

`nlu/pipeline.py` implements the parser. `server/outside` implements the calls to servers that the parser needs, such as
Duckling.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from manent.core.events import Json
from manent.nlu.services import Service


class Parser(Protocol):
    """Parses messages, without I/O.

    Attributes:
        is_trained: whether the parser understands more than payloads (`/greet`). The parser of a core model understands
            only payloads.
    """

    is_trained: bool

    def needs_services(self, text: str) -> bool:
        """Return whether parsing this text calls servers."""

    def parse(self, text: str, *, found: Mapping[Service, Sequence[Json]] = ...) -> Json:
        """Return Rasa's parse result for a text.

        Args:
            text: the message.
            found: the entities that servers found in the text.
        """

    def diagnose(self, text: str) -> Json:
        """Return details of the parse: `calibrated`, the intents with their calibrated probabilities."""


class Services(Protocol):
    """Calls the servers that a pipeline uses (`Pipeline.services`)."""

    def ask(self, text: str) -> Mapping[Service, Sequence[Json]]:
        """Return the entities that each service found.

        This blocks. An unreachable service finds no entities.
        """

    async def ask_aside(self, text: str) -> Mapping[Service, Sequence[Json]]:
        """Return the result of `ask` without blocking the event loop."""
