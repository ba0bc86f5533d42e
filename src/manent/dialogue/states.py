"""Dialogue states: the part of a conversation that the policies see.

There is one state before each action. `History` computes the states from the applied events of a tracker, event by
event. The history is cached with the tracker, so a turn processes only its new events. Training uses the same code for
stories (contract §5.3).
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec.structs import replace

from manent.core.domain import Domain, Slot
from manent.core.events import (
    ActionExecuted,
    ActiveLoop,
    AllSlotsReset,
    DefinePrevUserUtteredFeaturization,
    EntitiesAdded,
    Event,
    FollowupAction,
    Json,
    SlotSet,
    UserUttered,
)
from manent.core.tracker import State, Tracker
from manent.dialogue.custom_slots import Vector, custom_features

LISTEN = "action_listen"
UNLIKELY = "action_unlikely_intent"

SlotFeatures = tuple[tuple[str, Vector], ...]


class DialogState(msgspec.Struct, frozen=True, array_like=True, cache_hash=True):
    """The state of a conversation before an action.

    None and () mean that the state does not contain this part. The class is a msgspec struct, because every step of a
    turn creates a state and policies use it as a key. In model files, a state is a list.

    Attributes:
        previous: name (or end-to-end text) of the previous action.
        intent: intent of the latest message, unless its text is used instead.
        text: text of the latest message, if it is used.
        entities: entities of the latest message, sorted: `name`, `name#role`, `name#group`.
        loop: the active loop.
        slots: (name, feature vector) of the slots that are set, in the order of the domain.
    """

    previous: str | None = None
    intent: str | None = None
    text: str | None = None
    entities: tuple[str, ...] = ()
    loop: str | None = None
    slots: SlotFeatures = ()


# slots ----------------------------------------------------------------------------------------------------------------


def _bool_vector(value: Any) -> Vector:
    if isinstance(value, str):
        word = value.lower()
        if word in ("true", "false"):
            return (1.0, float(word == "true"))
        return (1.0, float(float(word) == 1.0)) if word.isdecimal() else ()
    if isinstance(value, bool | int | float):
        return (1.0, float(value == 1))
    return ()


def _float_vector(slot: Slot, value: Any) -> Vector:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return ()
    low, high = slot.min_value, slot.max_value
    if number != number:  # NaN is not between min and max  # noqa: PLR0124
        return ()
    return (1.0, (max(low, min(high, number)) - low) / (high - low) if high > low else 0.0)


def _categorical_vector(slot: Slot, value: Any) -> Vector:
    found = str(value).lower()
    vector = tuple(float(found == each) for each in slot.values)
    return (*vector, float(not any(vector)))


def slot_vector(slot: Slot, value: Any) -> Vector:
    """Return the features of a slot's value.

    Return no features if the slot does not influence the conversation or is treated as not set.
    """
    if value is None or not slot.influence_conversation:
        return ()
    match slot.type:
        case "text":
            return (1.0,)
        case "bool":
            return _bool_vector(value)
        case "float":
            return _float_vector(slot, value)
        case "list":
            return (1.0,) if value else ()
        case "categorical":
            return _categorical_vector(slot, value)
        case "custom":
            return custom_features(slot, value)
        case _:
            return ()


class Featurizer:
    """Turns a domain's intents, entities and slots into features.

    A featurizer is part of the model and does not change after training.

    Args:
        rule_only_slots: slots that only rules use. Policies that learn from stories do not see them.
        rule_only_loops: loops that only rules use.
    """

    def __init__(
        self, domain: Domain, rule_only_slots: Iterable[str] = (), rule_only_loops: Iterable[str] = ()
    ) -> None:
        self.slots = {
            name: slot for name, slot in domain.slots.items() if slot.influence_conversation and slot.type != "any"
        }
        self.rule_only_slots = frozenset(rule_only_slots)
        self.rule_only_loops = frozenset(rule_only_loops)
        self._labels = _labels(domain)
        usable = {
            label
            for name, entity in domain.entities.items()
            if entity.influence_conversation
            for label in self._labels[name]
        }
        self._usable = frozenset(usable)
        self._by_intent = {
            name: self._used(intent.used_entities, intent.ignored_entities) for name, intent in domain.intents.items()
        }

    def _used(self, used: tuple[str, ...] | None, ignored: tuple[str, ...]) -> frozenset[str]:
        def spread(names: Iterable[str]) -> set[str]:
            return {label for name in names for label in self._labels.get(name, (name,))}

        return frozenset((self._usable if used is None else spread(used)) - spread(ignored))

    def entities(self, intent: str | None, entities: Iterable[Json]) -> tuple[str, ...]:
        """Return the sorted labels of a message's entities that its intent uses."""
        labels: set[str] = set()
        for entity in entities:
            name = str(entity.get("entity"))
            labels.add(name)
            for part in ("role", "group"):
                if entity.get(part):
                    labels.add(f"{name}#{entity[part]}")
        if not labels:
            return ()
        return tuple(sorted(labels & self._by_intent.get(intent or "", self._usable)))


def _labels(domain: Domain) -> dict[str, tuple[str, ...]]:
    """Entity → all its labels: its name, and one label for each of its roles and groups."""
    return {
        name: (name, *(f"{name}#{part}" for part in (*entity.roles, *entity.groups)))
        for name, entity in domain.entities.items()
    }


# histories ------------------------------------------------------------------------------------------------------------


class History:
    """The past states of one conversation, and the current one.

    Attributes:
        full: the state before each applied action, oldest first. Rules use it.
        visible: `full` without `action_unlikely_intent` and without the turns, slots and loops that only rules contain.
            Policies that learn from stories use it.
        whole: whether `full` starts at the beginning of the session.
    """

    __slots__ = (
        "_consumed",
        "_entities",
        "_follows_up",
        "_generation",
        "_intent",
        "_is_hidden",
        "_loop",
        "_now",
        "_previous",
        "_previous_shown",
        "_slots",
        "_text",
        "_trimmed",
        "_use_text",
        "_vectors",
        "featurizer",
        "full",
        "visible",
        "whole",
    )  # fmt: skip

    def __init__(self, featurizer: Featurizer) -> None:
        self.featurizer = featurizer
        self._generation = -1
        self._consumed = 0
        self._trimmed = 0
        self.full: list[DialogState] = []
        self.visible: list[DialogState] = []
        self.whole = True

    def _begin(self, base: State) -> None:
        self.full = []
        self.visible = []
        self._consumed = 0
        action, message = base.latest_action, base.latest_message
        self._previous = (action.name or action.action_text) if action is not None else None
        self._is_hidden = False
        self._previous_shown = self._previous
        self._follows_up = base.followup_action is not None
        self._use_text = base.uses_text
        self._set_message(message)
        self._loop = base.active_loop.name if base.active_loop is not None else None
        self._vectors = {}
        for name, slot in self.featurizer.slots.items():
            vector = slot_vector(slot, base.values.get(name, slot.initial_value))
            if vector:
                self._vectors[name] = vector
        self._slots: SlotFeatures | None = None
        self._now: DialogState | None = None

    def _set_message(self, message: UserUttered | None) -> None:
        if message is None:
            self._intent = self._text = None
            self._entities: tuple[str, ...] = ()
        else:
            self._intent = message.intent
            self._text = message.text
            self._entities = self.featurizer.entities(self._intent, message.entities)

    def follow(self, tracker: Tracker) -> None:
        """Process the tracker's new events.

        If the applied events changed anywhere but at their two ends, process all of them again.
        """
        start = self._consumed - tracker.trimmed
        if tracker.generation != self._generation or not 0 <= start <= len(tracker.applied):
            self._begin(tracker.base)
            self._generation = tracker.generation
            self._trimmed = tracker.trimmed
            self.whole = not tracker.truncated
            start = 0
        elif tracker.trimmed != self._trimmed:
            self._trim(sum(isinstance(event, ActionExecuted) for event in tracker.applied[:start]))
            self._trimmed = tracker.trimmed
        for event in tracker.applied[start:]:
            take = _TAKE.get(type(event))
            if take is not None:
                take(self, event)
        self._consumed = tracker.trimmed + len(tracker.applied)

    def _trim(self, keep: int) -> None:
        """Remove the states before the newest `keep` actions, because the tracker has removed their events."""
        del self.full[: len(self.full) - keep]
        del self.visible[: max(0, len(self.visible) - keep)]
        self.whole = False

    def fold(self, events: Iterable[Event]) -> None:
        """Discard the states and process these events like the start of a conversation."""
        self._begin(State(followup_action=LISTEN))
        for event in events:
            take = _TAKE.get(type(event))
            if take is not None:
                take(self, event)

    def _take_slot(self, event: SlotSet) -> None:
        slot = self.featurizer.slots.get(event.name)
        if slot is None:
            return
        vector = slot_vector(slot, event.value)
        if vector:
            self._vectors[event.name] = vector
        else:
            self._vectors.pop(event.name, None)
        self._slots = self._now = None

    def _take_action(self, event: ActionExecuted) -> None:
        self.full.append(self.current())
        if not self._is_hidden:
            self._previous_shown = self._previous
        if not self._is_continued():
            self._is_hidden = event.hide_rule_turn
        if not self._is_hidden and self._previous != UNLIKELY:
            self.visible.append(self._shown())
        self._previous = event.name or event.action_text
        self._follows_up = False
        self._now = None

    def _is_continued(self) -> bool:
        """Return whether the next action belongs to the previous turn.

        This is true for a follow-up action, and after the loop has run.
        """
        return self._follows_up or (self._loop is not None and self._loop == self._previous)

    def _take_followup(self, event: FollowupAction) -> None:
        self._follows_up = event.name is not None

    def _take_message(self, event: UserUttered) -> None:
        self._use_text = event.intent is None and not event.parse_data
        self._set_message(event)
        self._follows_up = False
        self._now = None

    def _take_featurization(self, event: DefinePrevUserUtteredFeaturization) -> None:
        if event.use_text_for_featurization != self._use_text:
            self._use_text = event.use_text_for_featurization
            self._now = None

    def _take_loop(self, event: ActiveLoop) -> None:
        self._loop = event.name
        self._now = None

    def _take_entities(self, event: EntitiesAdded) -> None:
        more = self.featurizer.entities(self._intent, event.entities)
        self._entities = tuple(sorted({*self._entities, *more}))
        self._now = None

    def _take_reset(self, _: AllSlotsReset) -> None:
        self._vectors = {}
        for name, slot in self.featurizer.slots.items():
            vector = slot_vector(slot, slot.initial_value)
            if vector:
                self._vectors[name] = vector
        self._slots = self._now = None

    def _slot_features(self) -> SlotFeatures:
        if self._slots is None:
            vectors = self._vectors
            self._slots = tuple((name, vectors[name]) for name in self.featurizer.slots if name in vectors)
        return self._slots

    def current(self, *, use_text: bool | None = None) -> DialogState:
        """Return the current state. `use_text`: use the latest message's text instead of its intent."""
        if use_text is None or use_text == self._use_text:
            if self._now is None:
                self._now = self._state(self._use_text)
            return self._now
        return self._state(use_text)

    def _state(self, text: bool) -> DialogState:  # noqa: FBT001  # private
        return DialogState(
            self._previous,
            None if text else self._intent,
            self._text if text else None,
            () if text else self._entities,
            self._loop,
            self._slot_features(),
        )

    def _shown(self, *, use_text: bool | None = None) -> DialogState:
        """Return the current state without the slots and loops that only rules use."""
        state = self.current(use_text=use_text)
        featurizer = self.featurizer
        if state.loop is not None and state.loop in featurizer.rule_only_loops:
            state = replace(state, loop=None)
        if featurizer.rule_only_slots and state.slots:
            state = replace(
                state, slots=tuple(each for each in state.slots if each[0] not in featurizer.rule_only_slots)
            )
        if self._previous_shown != state.previous:
            state = replace(state, previous=self._previous_shown)
        if self._previous != LISTEN and self.visible:
            # Stories do not contain the hidden turns, so use the message before these turns.
            last = self.visible[-1]
            if state.intent != last.intent or state.text != last.text or state.entities != last.entities:
                state = replace(state, intent=last.intent, text=last.text, entities=last.entities)
        return state

    def shown(self, *, use_text: bool = False, most: int | None = None) -> list[DialogState]:
        """Return the visible states, the current one last. `most`: maximum number of states."""
        visible = self.visible
        if visible and (self._previous == UNLIKELY or (self._is_hidden and self._is_continued())):
            return visible if most is None else visible[-most:]
        if not self._is_hidden:
            self._previous_shown = self._previous
        before = visible if most is None else visible[max(0, len(visible) + 1 - most) :]
        return [*before, self._shown(use_text=use_text or None)]


_TAKE: dict[type, Callable[[History, Any], None]] = {
    SlotSet: History._take_slot,  # noqa: SLF001  # the table of this class's methods
    ActionExecuted: History._take_action,  # noqa: SLF001
    UserUttered: History._take_message,  # noqa: SLF001
    DefinePrevUserUtteredFeaturization: History._take_featurization,  # noqa: SLF001
    ActiveLoop: History._take_loop,  # noqa: SLF001
    FollowupAction: History._take_followup,  # noqa: SLF001
    EntitiesAdded: History._take_entities,  # noqa: SLF001
    AllSlotsReset: History._take_reset,  # noqa: SLF001
}
"""Event class → the method that applies it to a history."""


def history_of(tracker: Tracker, featurizer: Featurizer) -> History:
    """Return the tracker's history with all events processed.

    The history is cached with the tracker for the next turn.
    """
    history = tracker.derived
    if not isinstance(history, History) or history.featurizer is not featurizer:
        history = tracker.derived = History(featurizer)
    history.follow(tracker)
    return history
