"""Stand-ins for `rasa.shared.core.events`: the events of a conversation, for policies."""

from typing import Any

from manent.core.events import Event as LoggedEvent
from manent.core.events import event_to_wire


class Event:
    """An event.

    Attributes:
        timestamp: seconds since the epoch.
        metadata: additional data.
    """

    type_name = "event"

    def __init__(self, timestamp: float | None = None, metadata: dict[str, Any] | None = None) -> None:
        self.timestamp = timestamp
        self.metadata = metadata or {}

    def as_dict(self) -> dict[str, Any]:
        """Return the event as a JSON object."""
        fields = {"event": self.type_name, "timestamp": self.timestamp, "metadata": self.metadata}
        return fields | self._fields()

    def _fields(self) -> dict[str, Any]:
        return {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Event) and type(self) is type(other) and self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash((self.type_name, str(self._fields())))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._fields()})"


class UserUttered(Event):
    """A user message. `intent` is `{"name", "confidence"}`."""

    type_name = "user"

    def __init__(
        self,
        text: str | None = None,
        intent: dict[str, Any] | None = None,
        entities: list[dict[str, Any]] | None = None,
        parse_data: dict[str, Any] | None = None,
        timestamp: float | None = None,
        input_channel: str | None = None,
        message_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        super().__init__(timestamp, metadata)
        self.text = text
        self.parse_data: dict[str, Any] = parse_data or {}
        self.intent: dict[str, Any] = intent or self.parse_data.get("intent") or {}
        self.entities: list[dict[str, Any]] = entities or self.parse_data.get("entities") or []
        self.input_channel = input_channel
        self.message_id = message_id

    @property
    def intent_name(self) -> str | None:
        """Name of the intent."""
        return self.intent.get("name")

    @property
    def full_retrieval_intent_name(self) -> str | None:
        """Name of the retrieval intent with its response key."""
        return self.intent.get("full_retrieval_intent_name")

    def _fields(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "parse_data": {**self.parse_data, "intent": self.intent, "entities": self.entities},
            "input_channel": self.input_channel,
            "message_id": self.message_id,
        }


class BotUttered(Event):
    """A bot message."""

    type_name = "bot"

    def __init__(
        self,
        text: str | None = None,
        data: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
        timestamp: float | None = None,
    ) -> None:
        super().__init__(timestamp, metadata)
        self.text = text
        self.data = data or {}

    @property
    def message(self) -> dict[str, Any]:
        """The message with its other parts, such as buttons."""
        return {"text": self.text, **{name: value for name, value in self.data.items() if value is not None}}

    def _fields(self) -> dict[str, Any]:
        return {"text": self.text, "data": self.data}


class ActionExecuted(Event):
    """An action ran."""

    type_name = "action"

    def __init__(
        self,
        action_name: str | None = None,
        policy: str | None = None,
        confidence: float | None = None,
        timestamp: float | None = None,
        metadata: dict[str, Any] | None = None,
        action_text: str | None = None,
        **_: Any,
    ) -> None:
        super().__init__(timestamp, metadata)
        self.action_name = action_name
        self.policy = policy
        self.confidence = confidence
        self.action_text = action_text

    def _fields(self) -> dict[str, Any]:
        return {
            "name": self.action_name,
            "policy": self.policy,
            "confidence": self.confidence,
            "action_text": self.action_text,
        }


class SlotSet(Event):
    """A slot was set."""

    type_name = "slot"

    def __init__(
        self,
        key: str,
        value: Any = None,
        timestamp: float | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(timestamp, metadata)
        self.key = key
        self.value = value

    def _fields(self) -> dict[str, Any]:
        return {"name": self.key, "value": self.value}


class ActiveLoop(Event):
    """A form became active, or ended if the name is None."""

    type_name = "active_loop"

    def __init__(
        self, name: str | None, timestamp: float | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        super().__init__(timestamp, metadata)
        self.name = name

    def _fields(self) -> dict[str, Any]:
        return {"name": self.name}


class FollowupAction(Event):
    """Sets the next action."""

    type_name = "followup"

    def __init__(self, name: str, timestamp: float | None = None, metadata: dict[str, Any] | None = None) -> None:
        super().__init__(timestamp, metadata)
        self.action_name = name

    def _fields(self) -> dict[str, Any]:
        return {"name": self.action_name}


class ActionExecutionRejected(Event):
    """An action refused to run."""

    type_name = "action_execution_rejected"

    def __init__(
        self,
        action_name: str,
        policy: str | None = None,
        confidence: float | None = None,
        timestamp: float | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(timestamp, metadata)
        self.action_name = action_name
        self.policy = policy
        self.confidence = confidence

    def _fields(self) -> dict[str, Any]:
        return {"name": self.action_name, "policy": self.policy, "confidence": self.confidence}


class LoopInterrupted(Event):
    """A form was interrupted or continues."""

    type_name = "loop_interrupted"

    def __init__(
        self,
        is_interrupted: bool,  # noqa: FBT001  # Rasa's signature
        timestamp: float | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(timestamp, metadata)
        self.is_interrupted = is_interrupted

    def _fields(self) -> dict[str, Any]:
        return {"is_interrupted": self.is_interrupted}


class EntitiesAdded(Event):
    """A policy or an extractor added entities to the latest message."""

    type_name = "entities"

    def __init__(
        self,
        entities: list[dict[str, Any]],
        timestamp: float | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(timestamp, metadata)
        self.entities = entities

    def _fields(self) -> dict[str, Any]:
        return {"entities": self.entities}


class Restarted(Event):
    """The conversation was restarted."""

    type_name = "restart"


class SessionStarted(Event):
    """A session started."""

    type_name = "session_started"


class UserUtteranceReverted(Event):
    """The last user turn was reverted."""

    type_name = "rewind"


class ActionReverted(Event):
    """The last action was undone."""

    type_name = "undo"


class AllSlotsReset(Event):
    """All slots were reset."""

    type_name = "reset_slots"


class ConversationPaused(Event):
    """The bot was paused."""

    type_name = "pause"


class ConversationResumed(Event):
    """The bot is no longer paused."""

    type_name = "resume"


class OtherEvent(Event):
    """An event of another type. Rasa has no such class."""

    def __init__(self, wire: dict[str, Any]) -> None:
        super().__init__(wire.get("timestamp"), wire.get("metadata"))
        self.type_name = wire["event"]
        self._wire = wire

    def _fields(self) -> dict[str, Any]:
        return {name: value for name, value in self._wire.items() if name not in ("event", "timestamp", "metadata")}


_KINDS: dict[str, Any] = {
    kind.type_name: kind
    for kind in (
        UserUttered,
        BotUttered,
        ActionExecuted,
        SlotSet,
        ActiveLoop,
        FollowupAction,
        ActionExecutionRejected,
        LoopInterrupted,
        EntitiesAdded,
        Restarted,
        SessionStarted,
        UserUtteranceReverted,
        ActionReverted,
        AllSlotsReset,
        ConversationPaused,
        ConversationResumed,
    )
}
_NAMES = {"action": "action_name", "action_execution_rejected": "action_name", "slot": "key"}


def event_of(logged: LoggedEvent) -> Event:
    """Convert an event from the log for policies."""
    wire = event_to_wire(logged)
    kind = _KINDS.get(wire["event"])
    if kind is None:
        return OtherEvent(wire)
    fields = {name: value for name, value in wire.items() if name not in ("event", "hide_rule_turn")}
    if "name" in fields and wire["event"] in _NAMES:
        fields[_NAMES[wire["event"]]] = fields.pop("name")
    event: Event = kind(**fields)
    return event
