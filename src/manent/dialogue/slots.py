"""Slot extraction: fills slots from user messages (contract §2, "mappings").

Mappings are compiled once per domain. `turn.py` runs the extraction after each user message. `forms.py` runs it again
when a form is activated. In format 2.0, `forms.py` also runs it for each answer to a form's question.
"""

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from manent.core.domain import REQUESTED_SLOT, SESSION_METADATA_SLOT, Domain, SlotMapping
from manent.core.events import BotUttered, Event, Json, SlotSet, UserUttered
from manent.core.tracker import Tracker
from manent.dialogue.acting import Acting, ActionRejected
from manent.dialogue.steps import Activity, Done

log = logging.getLogger(__name__)

VALIDATE = "action_validate_slot_mappings"

_Mapped = tuple[str, bool, tuple[SlotMapping, ...]]
"""A slot's name, whether it is a list slot, and its mappings."""


class ReceivedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A user message and the state of the active form.

    Attributes:
        loop: the active loop.
        rejected: whether that loop has just rejected a message.
        requested: the requested slot.
        opens: whether this message activates the loop.
        by_form: whether the form itself fills the slots. In format 2.0, mappings of forms apply only if this is True,
            and other mappings only if it is False.
    """

    message: UserUttered
    loop: str | None
    rejected: bool
    requested: str | None
    opens: bool = False
    by_form: bool = False


def latest_received(tracker: Tracker) -> ReceivedMessage | None:
    """Return the latest message and the state of the active form, or None if there is no message."""
    message, loop = tracker.state.latest_message, tracker.state.active_loop
    if message is None:
        return None
    return ReceivedMessage(
        message=message,
        loop=loop.name if loop is not None else None,
        rejected=loop is not None and loop.rejected,
        requested=tracker.requested_slot,
    )


class _Reach:
    """The slots that a message can fill by its text, intent or entities, as positions in a list."""

    def __init__(self) -> None:
        self._always: set[int] = set()
        self._intents: dict[str | None, set[int]] = {}
        self._entities: dict[str | None, set[int]] = {}

    def add(self, place: int, mapping: SlotMapping) -> None:
        """Add a mapping of the slot at this position."""
        if mapping.type == "from_entity":
            self._entities.setdefault(mapping.entity, set()).add(place)
        elif mapping.intents:
            for intent in mapping.intents:
                self._intents.setdefault(intent, set()).add(place)
        else:
            self._always.add(place)

    def add_to(self, reached: set[int], intent: str | None, entities: Iterable[Json]) -> None:
        """Add the positions that a message can fill."""
        reached.update(self._always, self._intents.get(intent, ()))
        for entity in entities:
            if isinstance(entity, dict):  # events from other systems can contain a value of any type here
                reached.update(self._entities.get(str(entity.get("entity")), ()))


class SlotFiller:
    """The compiled mappings of a domain."""

    def __init__(self, domain: Domain) -> None:
        self._domain = domain
        self._slots: list[_Mapped] = []
        for name, slot in domain.slots.items():
            if name in (REQUESTED_SLOT, SESSION_METADATA_SLOT) or slot.automatic:
                continue
            mappings = tuple(each for each in slot.mappings if self._is_usable(each))
            if mappings:
                self._slots.append((name, slot.type == "list", mappings))
        self._required = {form.name: frozenset(form.required_slots) for form in domain.forms.values()}
        self._ignored = {form.name: frozenset(form.ignored_intents) for form in domain.forms.values()}
        self._unique = {form: self._unique_mappings(required) for form, required in self._required.items()}
        self._validates = VALIDATE in domain.actions
        # A mapping with conditions applies while one of the named loops is active. None stands for "no loop".
        self._anywhere = _Reach()
        self._in_loop: dict[str | None, _Reach] = {}
        for place, (_, _, mappings) in enumerate(self._slots):
            for mapping in mappings:
                for loop in {each.active_loop for each in mapping.conditions}:
                    self._in_loop.setdefault(loop, _Reach()).add(place, mapping)
                if not mapping.conditions:
                    self._anywhere.add(place, mapping)

    def _is_usable(self, mapping: SlotMapping) -> bool:
        """Return whether the domain contains the mapping's entity.

        If the mapping names intents, the domain must also contain one of these intents.
        """
        if mapping.type == "from_entity" and mapping.entity not in self._domain.entities:
            return False
        if mapping.intents and not any(intent in self._domain.intents for intent in mapping.intents):
            return False
        return mapping.type != "custom" or mapping.action is not None

    def _unique_mappings(self, required: frozenset[str]) -> frozenset[int]:
        """Return the ids of the from_entity mappings that only one of a form's slots has."""
        mappings = [
            mapping
            for name in required
            if name in self._domain.slots
            for mapping in self._domain.slots[name].mappings
            if mapping.type == "from_entity"
        ]
        return frozenset(id(each) for each in mappings if sum(each == other for other in mappings) == 1)

    def fill(self, acting: Acting, received: ReceivedMessage, *, trailing: Sequence[Event] = ()) -> Done:
        """Return the slot events of a message, and the bot events of custom extraction actions.

        Args:
            acting: access to the conversation. Its tracker already contains the message.
            received: the message and the state of the active form.
            trailing: earlier events that the tracker does not contain yet.

        Raises:
            ActionError: a custom extraction or validation action failed.
        """
        if not self._slots and not self._validates:
            return []
        message, in_loop = received.message, self._in_loop.get(received.loop)
        reached: set[int] = set()
        self._anywhere.add_to(reached, message.intent, message.entities)
        if in_loop is not None:
            in_loop.add_to(reached, message.intent, message.entities)
        if not reached and not self._validates:
            return []
        return self._fill(acting, received, [self._slots[place] for place in sorted(reached)], trailing)

    def _fill(
        self, acting: Acting, received: ReceivedMessage, slots: Iterable[_Mapped], trailing: Sequence[Event]
    ) -> Activity[list[Event]]:
        values = acting.values(trailing)
        events: list[Event] = []
        ran: set[str] = set()
        for name, is_list, mappings in slots:
            for mapping in mappings:
                if not self._applies(mapping, name, received):
                    continue
                if mapping.type == "custom":
                    action = mapping.action or ""
                    if action not in ran:
                        ran.add(action)
                        events += yield from _run(acting, action, [*trailing, *events])
                    continue
                found = _values(mapping, received.message)
                if not found:
                    continue
                value = _combined(found, is_list=is_list, as_list=self._keeps_several(name, received))
                if value is not None or values.get(name) is not None:
                    events.append(SlotSet(name=name, value=value))
                    break
        if self._validates:
            events = yield from self._validated(acting, events, trailing)
        return events

    def _validated(self, acting: Acting, events: list[Event], trailing: Sequence[Event]) -> Activity[list[Event]]:
        candidates = [event for event in events if isinstance(event, SlotSet)]
        answered = yield from _run(acting, VALIDATE, [*trailing, *events])
        settled = {event.name for event in answered if isinstance(event, SlotSet)}
        others = [event for event in events if not isinstance(event, SlotSet)]
        return [*others, *answered, *(event for event in candidates if event.name not in settled)]

    def _keeps_several(self, slot: str, received: ReceivedMessage) -> bool:
        """Return whether the slot stores all values that match.

        In format 2.0, the requested slot stores all values that match.
        """
        return self._domain.is_legacy and received.loop is not None and slot == received.requested

    def _applies(self, mapping: SlotMapping, slot: str, received: ReceivedMessage) -> bool:
        intent = received.message.intent
        loop = received.loop
        if self._domain.is_legacy and received.by_form != any(each.active_loop for each in mapping.conditions):
            return False
        is_ignored = loop is not None and intent in self._ignored.get(loop, ()) and _concerns(mapping, loop)
        if mapping.intents:
            # In format 2.0, an ignored intent also blocks mappings that name it.
            if intent not in mapping.intents or (is_ignored and self._domain.is_legacy):
                return False
        elif is_ignored or intent in mapping.not_intents:
            return False
        if mapping.type == "from_trigger_intent":
            return loop is not None and _concerns(mapping, loop) and (received.opens or not self._domain.is_legacy)
        if mapping.conditions and not _conditions_hold(mapping, slot, received):
            return False
        if mapping.type == "from_entity" and loop is not None and slot != received.requested:
            required = self._required.get(loop, frozenset())
            return (
                slot not in required or id(mapping) in self._unique[loop] or self._legacy_fit(mapping, slot, received)
            )
        return True

    def _legacy_fit(self, mapping: SlotMapping, slot: str, received: ReceivedMessage) -> bool:
        """Return whether format 2.0 fills the slot.

        A slot is filled if it has the name of the entity, or if a role or group matches.
        """
        if not self._domain.is_legacy:
            return False
        if mapping.entity == slot:
            return True
        if mapping.role is None and mapping.group is None:
            return False
        asked = self._domain.slots.get(received.requested or "")
        return asked is not None and any(each.entity == mapping.entity for each in asked.mappings)


def _concerns(mapping: SlotMapping, loop: str) -> bool:
    """Return whether a mapping applies to this loop or to all loops."""
    return not mapping.conditions or any(each.active_loop == loop for each in mapping.conditions)


def _conditions_hold(mapping: SlotMapping, slot: str, received: ReceivedMessage) -> bool:
    if received.rejected and slot == received.requested:
        return False
    return any(
        each.active_loop == received.loop and (each.requested_slot is None or each.requested_slot == received.requested)
        for each in mapping.conditions
    )


def entity_values(mapping: SlotMapping, entities: Iterable[Json]) -> list[Any]:
    """Return the values of the entities that match a from_entity mapping, in order."""
    return [
        entity.get("value")
        for entity in entities
        if entity.get("entity") == mapping.entity
        and (mapping.any_label or (entity.get("role"), entity.get("group")) == (mapping.role, mapping.group))
    ]


def _values(mapping: SlotMapping, message: UserUttered) -> list[Any]:
    match mapping.type:
        case "from_entity":
            return entity_values(mapping, message.entities)
        case "from_text":
            return [message.text]
        case _:
            return [mapping.value]


def _combined(found: list[Any], *, is_list: bool, as_list: bool) -> Any:
    return found if is_list or (as_list and len(found) > 1) else found[-1]


def _run(acting: Acting, action: str, trailing: Sequence[Event]) -> Activity[list[Event]]:
    """Run a custom extraction or validation action. The action can only set slots and send messages."""
    try:
        events = yield from acting.call(action, trailing=trailing)
    except ActionRejected:
        log.warning("action %r refused to run; its slots are not changed", action)
        return []
    allowed: list[Event] = []
    for event in events:
        if isinstance(event, SlotSet | BotUttered):
            allowed.append(event)
        else:
            log.warning("action %r can only set slots; its event %s is ignored", action, type(event).__name__)
    return allowed
