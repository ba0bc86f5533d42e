"""The domain: what an assistant knows, hears, remembers, says and does.

Plain data, in format 3.1's shape; `project/` makes it from YAML of any accepted format (2.0 is converted while it
is read, so nothing after the reader knows of 2.0 except through `Domain.legacy_forms`).
"""

import functools
from dataclasses import dataclass, field
from typing import Any, Literal

from manent.core.events import Json

SlotType = Literal["text", "bool", "float", "list", "categorical", "any"]
MappingType = Literal["from_entity", "from_text", "from_intent", "from_trigger_intent", "custom"]

DEFAULT_INTENTS = ("restart", "back", "out_of_scope", "session_start", "nlu_fallback")
"""Intents that every domain has."""

DEFAULT_ACTIONS = (
    "action_listen",
    "action_restart",
    "action_session_start",
    "action_default_fallback",
    "action_deactivate_loop",
    "action_revert_fallback_events",
    "action_default_ask_affirmation",
    "action_default_ask_rephrase",
    "action_two_stage_fallback",
    "action_unlikely_intent",
    "action_back",
    "action_send_text",
    "action_validate_slot_mappings",
    "action_extract_slots",
)
"""Actions that every assistant has, in the order of Rasa's action index."""

REQUESTED_SLOT = "requested_slot"
SESSION_METADATA_SLOT = "session_started_metadata"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """When a mapping applies: `active_loop` None means "no loop"; `requested_slot` None means "whichever"."""

    active_loop: str | None
    requested_slot: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotMapping:
    """One way for a slot to get its value from a user turn (contract: "mappings").

    Attributes:
        any_label: entity role and group don't matter (the 2.0 autofill); otherwise they must be exactly equal.
        original: the mapping as written, for action servers that read `domain["slots"]`.
    """

    type: MappingType
    entity: str | None = None
    role: str | None = None
    group: str | None = None
    intents: tuple[str, ...] = ()
    not_intents: tuple[str, ...] = ()
    value: Any = None
    action: str | None = None
    conditions: tuple[Condition, ...] = ()
    any_label: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One slot. `values` (categorical) are lower-cased strings without the implicit `__other__`."""

    name: str
    type: SlotType = "text"
    initial_value: Any = None
    influence_conversation: bool = True
    mappings: tuple[SlotMapping, ...] = ()
    values: tuple[str, ...] = ()
    min_value: float = 0.0
    max_value: float = 1.0
    automatic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """One intent. `used_entities` None means all that influence the conversation (see `Domain.used_entities`)."""

    name: str
    used_entities: tuple[str, ...] | None = None
    ignored_entities: tuple[str, ...] = ()
    is_retrieval: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One entity type with its declared roles and groups."""

    name: str
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    influence_conversation: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """One way of saying a response; `extras` are unknown keys, passed on as event metadata."""

    text: str | None = None
    id: str | None = None
    image: str | None = None
    custom: Any = None
    buttons: tuple[Json, ...] = ()
    button_type: str | None = None
    quick_replies: tuple[Json, ...] = ()
    attachment: Any = None
    elements: tuple[Any, ...] = ()
    channel: str | None = None
    metadata: Json | None = None
    conditions: tuple[Json, ...] = ()
    extras: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One form. `ignored_intents` block mappings that name no intent of their own."""

    name: str
    required_slots: tuple[str, ...] = ()
    ignored_intents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionConfig:
    """`expiration_time_min` in minutes, 0 = a session never expires."""

    expiration_time_min: float = 60.0
    carry_over_slots: bool = True


@dataclass(frozen=True, kw_only=True)
class Domain:
    """A whole domain. Names map to definitions in the order of the files.

    Attributes:
        actions: names listed under `actions:` (custom actions; also redeclared built-in ones).
        send_domain: of those, the ones that want the domain under a selective-domain endpoint.
        e2e_actions: bot texts that end-to-end stories may predict.
        responses: `utter_…` name → its variations; retrieval responses are `utter_faq/ask_x`.
        original: the merged domain as a JSON object in 3.1 form, which action servers and `GET /domain` get.
        legacy_forms: the `forms` section as a 2.0 domain had it, for action servers on SDK 2.x; None otherwise.
        is_legacy: the domain was written in format 2.0 (its differing semantics then apply).
    """

    intents: dict[str, Intent] = field(default_factory=dict)
    entities: dict[str, Entity] = field(default_factory=dict)
    slots: dict[str, Slot] = field(default_factory=dict)
    responses: dict[str, tuple[Variation, ...]] = field(default_factory=dict)
    forms: dict[str, Form] = field(default_factory=dict)
    actions: tuple[str, ...] = ()
    send_domain: frozenset[str] = frozenset()
    e2e_actions: tuple[str, ...] = ()
    session: SessionConfig = field(default_factory=SessionConfig)
    store_entities_as_slots: bool = True
    original: Json = field(default_factory=dict)
    legacy_forms: Json | None = None
    is_legacy: bool = False

    @functools.cached_property
    def initial_slots(self) -> Json:
        """Slot name → initial value, for every slot."""
        return {name: slot.initial_value for name, slot in self.slots.items()}

    @functools.cached_property
    def list_slots(self) -> frozenset[str]:
        """Slots that hold lists."""
        return frozenset(name for name, slot in self.slots.items() if slot.type == "list")

    def kept(self, slot: str, value: Any) -> Any:
        """Return the value that a slot has once it was set to this one: a list slot keeps a single value in a list."""
        return [value] if slot in self.list_slots and value and not isinstance(value, list) else value

    @functools.cached_property
    def action_names(self) -> tuple[str, ...]:
        """Every action that can be predicted, in the order of the action index (ties depend on it)."""
        names = dict.fromkeys(DEFAULT_ACTIONS)
        names |= dict.fromkeys(self.actions)
        names |= dict.fromkeys(sorted(name for name in self.responses if "/" not in name))
        names |= dict.fromkeys(f"utter_{intent.name}" for intent in self.intents.values() if intent.is_retrieval)
        names |= dict.fromkeys(self.forms)
        names |= dict.fromkeys(self.e2e_actions)
        return tuple(names)

    @functools.cached_property
    def action_index(self) -> dict[str, int]:
        """Action name → its place in `action_names`."""
        return {name: index for index, name in enumerate(self.action_names)}
