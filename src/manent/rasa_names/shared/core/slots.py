"""Stand-ins for `rasa.shared.core.slots`."""

from dataclasses import dataclass
from typing import Any


@dataclass
class Slot:
    """A slot and its value."""

    name: str
    value: Any = None
    type_name: str = "text"
    initial_value: Any = None
    influence_conversation: bool = True
