"""A loaded model: everything that a turn needs to know of the assistant, and nothing of conversations."""

from dataclasses import dataclass, field

from manent.core.domain import Domain
from manent.core.events import Json
from manent.dialogue.model import DialogueModel
from manent.nlu.pipeline import Pipeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Assistant:
    """One trained assistant. Immutable; a new model is a new Assistant.

    Attributes:
        model_id: random, made at training.
        assistant_id: names the assistant across its models.
        file: name of the model's file.
    """

    domain: Domain
    pipeline: Pipeline
    dialogue: DialogueModel
    model_id: str = ""
    assistant_id: str = ""
    file: str = ""
    stamp: Json = field(default_factory=dict)
