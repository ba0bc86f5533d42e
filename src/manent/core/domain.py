"""The domain: an assistant's intents, entities, slots, responses, forms and actions.

The classes contain plain data with the structure of format 3.1. `project/` creates them from YAML of any accepted
format. A domain of format 2.0 is converted while it is read. After that, only `Domain.is_legacy` and
`Domain.legacy_forms` depend on the original format.
"""

import functools
from dataclasses import dataclass, field
from typing import Any, Literal

from manent.core.events import Json

SlotType = Literal["text", "bool", "float", "list", "categorical", "any", "custom"]
MappingType = Literal["from_entity", "from_text", "from_intent", "from_trigger_intent", "custom"]

DEFAULT_INTENTS = ("restart", "back", "out_of_scope", "session_start", "nlu_fallback")
"""Intents that every domain contains."""

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

OWN_ACTIONS = ("action_human_handoff",)
"""Built-in actions that Rasa does not have. A domain that lists one under `actions:` replaces it by a custom action."""

REQUESTED_SLOT = "requested_slot"
SESSION_METADATA_SLOT = "session_started_metadata"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A condition under which a mapping applies.

    If `active_loop` is None, the condition requires that no loop is active. If `requested_slot` is None, any slot can
    be requested.
    """

    active_loop: str | None
    requested_slot: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotMapping:
    """A rule that sets a slot from a user turn (contract: "mappings").

    Attributes:
        any_label: whether the entity can have any role and any group (as in format 2.0, where entities fill slots of
            the same name). If False, the entity must have the role and group of the mapping.
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
    """One slot.

    Attributes:
        values: of a categorical slot: lower-cased strings, without the implicit `__other__`.
        slot_class: of a custom slot: module path of the project's class, which computes its features.
        options: of a custom slot: the other keys of its definition, which the class receives.
    """

    name: str
    type: SlotType = "text"
    initial_value: Any = None
    influence_conversation: bool = True
    mappings: tuple[SlotMapping, ...] = ()
    values: tuple[str, ...] = ()
    min_value: float = 0.0
    max_value: float = 1.0
    automatic: bool = False
    slot_class: str = ""
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """One intent. If `used_entities` is None, the intent uses all entities that influence the conversation."""

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
    """One variation of a response. `extras` are its unknown keys, which become metadata of the bot event."""

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
    """One form. Mappings that name no intent do not apply to messages with one of the `ignored_intents`."""

    name: str
    required_slots: tuple[str, ...] = ()
    ignored_intents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionConfig:
    """Session settings. `expiration_time_min` is in minutes; with 0, a session never expires."""

    expiration_time_min: float = 60.0
    carry_over_slots: bool = True


@dataclass(frozen=True, kw_only=True)
class Domain:
    """A domain. Names map to definitions in the order of the files.

    Attributes:
        actions: names listed under `actions:`: custom actions, and built-in actions that are replaced by custom ones.
        send_domain: actions that receive the domain if the endpoint sends it selectively.
        e2e_actions: bot texts that end-to-end stories can predict.
        responses: the variations of each response, by name (`utter_…`). Retrieval responses are named
            `utter_faq/ask_x`.
        original: the merged domain as a JSON object in format 3.1, for action servers and `GET /domain`.
        legacy_forms: the `forms` section of a domain of format 2.0, for action servers that use SDK 2.x. None if the
            domain has a different format.
        own_actions: the actions of `OWN_ACTIONS` that stories or rules name. Other domains do not contain them, so that
            their action index is Rasa's.
        is_legacy: whether the domain was written in format 2.0, in which some rules differ.
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
    own_actions: tuple[str, ...] = ()
    is_legacy: bool = False

    @functools.cached_property
    def initial_slots(self) -> Json:
        """The initial value of every slot, by slot name."""
        return {name: slot.initial_value for name, slot in self.slots.items()}

    @functools.cached_property
    def list_slots(self) -> frozenset[str]:
        """Names of the slots whose type is `list`."""
        return frozenset(name for name, slot in self.slots.items() if slot.type == "list")

    def kept(self, slot: str, value: Any) -> Any:
        """Return the value that a slot has after it is set to `value`.

        In a list slot, a single value is wrapped in a list.
        """
        return [value] if slot in self.list_slots and value and not isinstance(value, list) else value

    @functools.cached_property
    def action_names(self) -> tuple[str, ...]:
        """All actions that can be predicted. If several actions are equally probable, the first one is predicted."""
        names = dict.fromkeys(DEFAULT_ACTIONS)
        names |= dict.fromkeys(self.actions)
        names |= dict.fromkeys(sorted(name for name in self.responses if "/" not in name))
        names |= dict.fromkeys(f"utter_{intent.name}" for intent in self.intents.values() if intent.is_retrieval)
        names |= dict.fromkeys(self.forms)
        names |= dict.fromkeys(self.e2e_actions)
        names |= dict.fromkeys(self.own_actions)
        return tuple(names)

    @functools.cached_property
    def action_index(self) -> dict[str, int]:
        """The position of each action in `action_names`, by action name."""
        return {name: index for index, name in enumerate(self.action_names)}
