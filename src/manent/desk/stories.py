"""Writes a conversation as a test story, and the decisions of reviewers as NLU data. No I/O."""

from collections.abc import Sequence

from manent.authoring.nlu import nlu_to_yaml
from manent.authoring.stories import write
from manent.core.events import (
    ActionExecuted,
    AgentUttered,
    ConversationPaused,
    ConversationResumed,
    Event,
    HandoffRequested,
    Json,
    OperatorJoined,
    OperatorLeft,
    UserUttered,
)
from manent.core.training_data import EntityMention, Example, NluData
from manent.dialogue.handoff import HANDOFF
from manent.runtime.ports.desk import Annotation


def story_of(sender_id: str, events: Sequence[Event]) -> str:
    """Return a conversation as end-to-end test stories of format 3.1.

    What the visitor wrote while a person handled the conversation is left out, because the bot did not act on it.
    """
    kept: list[Event] = []
    is_handled = False
    for event in events:
        match event:
            case HandoffRequested() | OperatorJoined():
                is_handled = True
            case OperatorLeft():
                is_handled = event.to.kind != "bot"
            case AgentUttered() | ConversationPaused() | ConversationResumed():
                pass
            case ActionExecuted() if event.name == HANDOFF:
                kept.append(event)
            case UserUttered() | ActionExecuted() if is_handled:
                pass
            case _:
                kept.append(event)
    return write(f"conversation {sender_id}", kept)


def annotations_yaml(annotations: Sequence[Annotation]) -> str:
    """Return the decisions of reviewers as a file of NLU data, sorted by intent. Discarded texts are left out."""
    kept = [one for one in annotations if one.intent is not None]
    examples = [
        Example(
            text=one.text, intent=one.intent or "", entities=tuple(_mention(one.text, each) for each in one.entities)
        )
        for one in sorted(kept, key=lambda one: one.intent or "")
    ]
    return nlu_to_yaml(NluData(examples=tuple(examples)))


def _mention(text: str, entity: Json) -> EntityMention:
    start, end = int(entity["start"]), int(entity["end"])
    return EntityMention(
        start=start,
        end=end,
        entity=str(entity["entity"]),
        value=str(entity.get("value", text[start:end])),
        role=entity.get("role"),
        group=entity.get("group"),
    )
