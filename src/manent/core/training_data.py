"""A project's training data: NLU examples, stories, rules, configuration. Plain data, no files.

`project/` creates it from YAML; `nlu/` and `dialogue/` train on it.
"""

from dataclasses import dataclass, field
from typing import Any

from manent.core.events import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """A position in a project's files: the path as the user would type it, and the 1-based line. Messages show it."""

    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityMention:
    """An annotated entity with the text `text[start:end]`.

    `value` differs from this text if the annotation gives a synonym.
    """

    start: int
    end: int
    entity: str
    value: Any
    role: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A training message. `intent` can be a full retrieval intent (`faq/ask_name`)."""

    text: str
    intent: str
    entities: tuple[EntityMention, ...] = ()
    metadata: Json | None = None
    where: Where = Where()


@dataclass(frozen=True, slots=True, kw_only=True)
class NluData:
    """All NLU training data of a project.

    Attributes:
        synonyms: the value of each synonym, by lower-cased spelling.
        regexes: (name, pattern) pairs.
        lookups: name → entries.
        responses: raw variations (as in the domain) of each retrieval response, by name (`utter_faq/ask_name`).
    """

    examples: tuple[Example, ...] = ()
    synonyms: dict[str, str] = field(default_factory=dict)
    regexes: tuple[tuple[str, str], ...] = ()
    lookups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    responses: dict[str, list[Json]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityStep:
    """An entity that is listed in a story's user turn. If `value` is None, any value matches."""

    entity: str
    value: Any = None
    role: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserStep:
    """A user turn: an intent (with entities), or a text in end-to-end stories. Test stories have both."""

    intent: str | None = None
    text: str | None = None
    entities: tuple[EntityStep, ...] = ()
    mentions: tuple[EntityMention, ...] = ()
    where: Where = Where()


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionStep:
    """A bot action: its name, or a text in end-to-end stories."""

    name: str | None = None
    text: str | None = None
    where: Where = Where()


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotStep:
    """A slot was set. If `has_value` is False, the story contains only the slot's name, and any value matches."""

    name: str
    value: Any = None
    has_value: bool = True
    where: Where = Where()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopStep:
    """A loop became active. If `name` is None, the active loop ended."""

    name: str | None
    where: Where = Where()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointStep:
    """A checkpoint, which connects stories. At the start of a story, `slots` are conditions on slot values."""

    name: str
    slots: tuple[SlotStep, ...] = ()
    where: Where = Where()


@dataclass(frozen=True, slots=True, kw_only=True)
class OrStep:
    """Alternative steps (`or:`). Each alternative is a user turn or a tuple of slot steps."""

    alternatives: tuple["UserStep | tuple[SlotStep, ...]", ...]
    where: Where = Where()


Step = UserStep | ActionStep | SlotStep | LoopStep | CheckpointStep | OrStep


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One story, with the same steps as in the file."""

    name: str
    steps: tuple[Step, ...]
    metadata: Any = None
    where: Where = Where()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule, with the same steps as in the file. `conditions` are the steps under `condition:`."""

    name: str
    steps: tuple[Step, ...]
    conditions: tuple[SlotStep | LoopStep, ...] = ()
    conversation_start: bool = False
    wait_for_user_input: bool = True
    where: Where = Where()


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentConfig:
    """One entry of `pipeline:` or `policies:`: its name (Rasa's module paths are resolved) and options.

    Attributes:
        code: hash of a custom class's module. "" if the component is built in.
        extends: name of the built-in policy that a custom policy extends. "": none.
    """

    name: str
    options: Json = field(default_factory=dict)
    code: str = ""
    extends: str = ""
    where: Where = Where()

    @property
    def built_in(self) -> str:
        """Name of the built-in component that this entry uses or extends. For other classes, the name of the class."""
        return self.extends or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class AssistantConfig:
    """The contents of `config.yml`, with defaults added. The file itself is not changed."""

    language: str | None = None
    pipeline: tuple[ComponentConfig, ...] = ()
    policies: tuple[ComponentConfig, ...] = ()
    assistant_id: str | None = None
    recipe: str = "default.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stories:
    """All stories and rules of a project."""

    stories: tuple[Story, ...] = ()
    rules: tuple[Rule, ...] = ()
