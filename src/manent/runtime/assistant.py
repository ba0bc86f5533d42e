"""A loaded model: everything that a turn needs to know of the assistant, and nothing of conversations."""

from dataclasses import dataclass, field

from manent.core.domain import Domain
from manent.core.events import Json
from manent.dialogue.model import DialogueModel
from manent.nlu.pipeline import Pipeline
from manent.runtime.parse_batching import Understanding
from manent.runtime.ports.parser import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class Assistant:
    """One trained assistant. Immutable; a new model is a new Assistant.

    Attributes:
        model_id: random, made at training.
        assistant_id: names the assistant across its models.
        file: name of the model's file.
        services: asks the servers that the pipeline wants asked; None when it wants none.
    """

    domain: Domain
    pipeline: Pipeline
    dialogue: DialogueModel
    model_id: str = ""
    assistant_id: str = ""
    file: str = ""
    stamp: Json = field(default_factory=dict)
    services: Services | None = None

    def parse(self, text: str) -> Json:
        """Understand a text, for those who may wait for a server meanwhile; see `Pipeline.parse`."""
        return parse_asking(self.pipeline, self.services, text)

    async def understand(self, text: str, together: Understanding) -> Json:
        """Understand a text without holding up other conversations, together with what else came in just now."""
        if self.services is None or not self.pipeline.needs_services(text):
            return await together.parse(self.pipeline, text)
        return self.pipeline.parse(text, found=await self.services.ask_aside(text.strip()))


def parse_asking(pipeline: Pipeline, services: Services | None, text: str) -> Json:
    """Understand a text with what the pipeline's services find in it; waits for them."""
    if services is None or not pipeline.needs_services(text):
        return pipeline.parse(text)
    return pipeline.parse(text, found=services.ask(text.strip()))
