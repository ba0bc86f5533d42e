"""The trained dialogue model: domain, policies, compiled responses. Made by training, loaded from a model file.

`training` asks `train_dialogue` for the files that go into a model, the runtime asks `load_dialogue` for the model
that is in them. No I/O here: files are names and bytes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from manent.core.domain import Domain
from manent.core.training_data import AssistantConfig, Stories


@dataclass(kw_only=True)
class DialogueModel:
    """All that a turn needs to know of the assistant. Immutable in use; shared by all conversations.

    Attributes:
        window: number of applied events that a tracker must keep for the policies (`Tracker.trim`).
        max_predictions: actions in one turn, after which the bot listens whatever the policies say.
        external_nlg: response texts are made outside (`Generate` steps).
    """

    domain: Domain
    window: int
    max_predictions: int = 10
    external_nlg: bool = False


def train_dialogue(
    config: AssistantConfig, domain: Domain, stories: Stories, *, progress: Callable[[str], None] | None = None
) -> dict[str, bytes]:
    """Train the policies; return the files of the model, named `dialogue/…` (JSON and safetensors).

    Raises:
        ProjectError: contradicting rules, incomplete rules, more than one user turn in a rule, …: all at once.
    """
    raise NotImplementedError


def load_dialogue(
    files: Mapping[str, bytes], domain: Domain, *, max_predictions: int = 10, external_nlg: bool = False
) -> DialogueModel:
    """Make the model from its files.

    Raises:
        ModelError: a file is missing or damaged.
    """
    raise NotImplementedError
