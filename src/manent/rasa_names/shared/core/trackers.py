"""Stand-ins for `rasa.shared.core.trackers`."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from manent.core.tracker import Tracker
from manent.rasa_names.shared.core.constants import ACTION_LISTEN_NAME, ACTIVE_LOOP, LOOP_NAME, PREVIOUS_ACTION
from manent.rasa_names.shared.core.domain import Domain, State
from manent.rasa_names.shared.core.events import ActionExecuted, BotUttered, Event, UserUttered, event_of
from manent.rasa_names.shared.core.not_provided import Partial
from manent.rasa_names.shared.core.slots import Slot


class EventVerbosity(Enum):
    """The events that `current_state` includes."""

    NONE = 1
    APPLIED = 2
    AFTER_RESTART = 3
    ALL = 4


@dataclass
class TrackerActiveLoop:
    """The active form, with Rasa 3's attributes and Rasa 2's keys."""

    name: str | None = None
    is_interrupted: bool = False
    rejected: bool = False
    trigger_message: dict[str, Any] | None = None

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute."""
        return getattr(self, name, default)


class DialogueStateTracker(Partial):
    """A conversation, for policies.

    Attributes:
        sender_id: id of the conversation.
        latest_message: the latest user message. Its text is None before the first message.
        latest_action: the latest action, as an object with `action_name` or `action_text`.
        latest_bot_utterance: the latest bot message.
        active_loop: the active form, or None.
        followup_action: name of the action that runs next, without a prediction.
    """

    def __init__(
        self, tracker: Tracker, past_states: Callable[[], list[State]], *, is_rule_tracker: bool = False
    ) -> None:
        state = tracker.state
        self._past_states = past_states
        self.core = tracker
        self.sender_id = tracker.sender_id
        self.is_rule_tracker = is_rule_tracker
        message = state.latest_message
        self.latest_message = event_of(message) if message is not None else UserUttered()
        action = state.latest_action
        self.latest_action: dict[str, Any] = {}
        if action is not None:
            self.latest_action = {"action_name": action.name} if action.name else {"action_text": action.action_text}
        self.latest_bot_utterance = event_of(state.latest_bot) if state.latest_bot is not None else BotUttered()
        loop = state.active_loop
        self.active_loop = (
            TrackerActiveLoop(loop.name, loop.is_interrupted, loop.rejected, loop.trigger_message) if loop else None
        )
        self.followup_action = state.followup_action
        self._events: list[Event] | None = None

    @property
    def events(self) -> list[Event]:
        """The newest events of the session, oldest first, without events that were undone."""
        if self._events is None:
            self._events = [event_of(event) for event in self.core.applied]
        return self._events

    @property
    def latest_action_name(self) -> str | None:
        """Name of the latest action."""
        return self.core.latest_action_name

    @property
    def active_loop_name(self) -> str | None:
        """Name of the active form."""
        return self.core.active_loop_name

    @property
    def is_active_loop_rejected(self) -> bool:
        """Whether the active form refused to run."""
        return self.active_loop is not None and self.active_loop.rejected

    @property
    def is_active_loop_interrupted(self) -> bool:
        """Whether the active form was interrupted."""
        return self.active_loop is not None and self.active_loop.is_interrupted

    @property
    def slots(self) -> dict[str, Slot]:
        """The slots by name."""
        values = self.core.slots()
        return {
            name: Slot(
                name,
                None,
                slot.initial_value,
                None,
                slot.influence_conversation,
                value=values[name],
                type_name=slot.type,
            )
            for name, slot in self.core.domain.slots.items()
        }

    def current_slot_values(self) -> dict[str, Any]:
        """Return the value of each slot."""
        return self.core.slots()

    def get_slot(self, key: str) -> Any:
        """Return the value of a slot."""
        return self.core.slots().get(key)

    def past_states(self, domain: Domain, *_: Any, **__: Any) -> list[State]:  # noqa: ARG002  # Rasa's signature
        """Return the states before each of the newest actions and the current state, oldest first.

        The state of a message contains its intent, and not its text.
        """
        return self._past_states()

    def current_state(self, event_verbosity: EventVerbosity = EventVerbosity.NONE) -> dict[str, Any]:
        """Return the conversation as a JSON object. By default, the object contains no events."""
        message, events = self.latest_message, self.events
        parsed = message.parse_data if isinstance(message, UserUttered) else {}
        return {
            "sender_id": self.sender_id,
            "slots": self.current_slot_values(),
            "latest_message": {"intent": {}, "entities": [], "text": None, "metadata": {}, **parsed},
            "latest_event_time": events[-1].timestamp if events else None,
            "followup_action": self.followup_action,
            "paused": self.is_paused(),
            "events": None if event_verbosity == EventVerbosity.NONE else [event.as_dict() for event in events],
            "latest_input_channel": self.get_latest_input_channel(),
            "active_loop": asdict(self.active_loop) if self.active_loop is not None else {},
            "latest_action": self.latest_action,
            "latest_action_name": self.latest_action_name,
        }

    def is_paused(self) -> bool:
        """Return whether the bot is paused."""
        return self.core.state.paused

    def applied_events(self) -> list[Event]:
        """Return the events that were not undone."""
        return self.events

    def get_latest_input_channel(self) -> str | None:
        """Return the channel of the latest message."""
        return self.core.latest_input_channel

    def get_latest_entity_values(
        self, entity_type: str, entity_role: str | None = None, entity_group: str | None = None
    ) -> Iterator[Any]:
        """Yield the values of an entity in the latest message."""
        for entity in self.latest_message.entities if isinstance(self.latest_message, UserUttered) else ():
            found = entity.get("entity"), entity.get("role"), entity.get("group")
            if found == (entity_type, entity_role, entity_group):
                yield entity.get("value")

    def get_last_event_for(
        self,
        event_type: Any,
        action_names_to_exclude: Sequence[str] | None = None,
        skip: int = 0,
        event_verbosity: Any = None,  # noqa: ARG002  # Rasa's signature
    ) -> Event | None:
        """Return the newest event of this class, or None."""
        excluded = action_names_to_exclude or ()
        found = [
            event
            for event in reversed(self.events)
            if isinstance(event, event_type)
            and not (isinstance(event, ActionExecuted) and event.action_name in excluded)
        ]
        return found[skip] if skip < len(found) else None

    def last_executed_action_has(self, name: str, skip: int = 0) -> bool:
        """Return whether the latest action other than `action_listen` has this name."""
        last = self.get_last_event_for(ActionExecuted, ["action_listen"], skip)
        return isinstance(last, ActionExecuted) and last.action_name == name


def get_active_loop_name(state: State) -> str | None:
    """Return the name of the active form in a state."""
    name = (state.get(ACTIVE_LOOP) or {}).get(LOOP_NAME)
    return None if name is None else str(name)


def is_prev_action_listen_in_state(state: State) -> bool:
    """Return whether the previous action in a state is `action_listen`."""
    return (state.get(PREVIOUS_ACTION) or {}).get("action_name") == ACTION_LISTEN_NAME
