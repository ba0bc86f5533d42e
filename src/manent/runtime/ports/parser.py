"""The port to servers that extract entities for the NLU pipeline (Duckling). `server/outside` implements it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from manent.core.events import Json
from manent.nlu.services import Service


class Services(Protocol):
    """Calls the servers that a pipeline needs (`Pipeline.services`)."""

    def ask(self, text: str) -> Mapping[Service, Sequence[Json]]:
        """Return the entities that each service found. Blocks. A service that cannot be reached finds none."""

    async def ask_aside(self, text: str) -> Mapping[Service, Sequence[Json]]:
        """Return the same as `ask` without blocking the event loop."""
