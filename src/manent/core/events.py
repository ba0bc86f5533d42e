"""The events of a conversation's log, and their JSON form.

Events are frozen records with the names of Rasa's events. Their JSON form has the same keys as Rasa's. Trackers, action
servers, event brokers and stored logs all use this form. `tracker.py` implements how an event changes a tracker. Events
are msgspec structs instead of dataclasses, because every commit encodes its events: msgspec encodes a turn's events in
a few microseconds.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from manent.core.errors import RequestError

Json = dict[str, Any]
"""A JSON object as a Python dictionary."""


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """Base class of all events.

    Attributes:
        timestamp: seconds since the epoch, UTC. None if the event is not stored yet.
        metadata: free-form. Events that the server appends contain `model_id` and `assistant_id`.
    """

    timestamp: float | None = None
    metadata: Json = {}


class UserUttered(_Event, frozen=True, kw_only=True, tag="user"):
    """The user sent a message, or an external trigger acted as the user (`EXTERNAL: <intent>`).

    Attributes:
        text: the message, stripped.
        parse_data: the NLU result in Rasa's format (`text, intent, entities, …`).
        input_channel: name of the channel that received the message.
        message_id: the client's id for the message, or a generated id.
    """

    text: str | None = None
    parse_data: Json = {}
    input_channel: str | None = None
    message_id: str | None = None

    @property
    def intent(self) -> str | None:
        """Name of the recognised intent. Events from outside can contain other values, which are ignored."""
        found = self.parse_data.get("intent")
        name = found.get("name") if isinstance(found, dict) else None
        return name if isinstance(name, str) else None

    @property
    def entities(self) -> list[Json]:
        """The recognised entities, in Rasa's format. Other values, which can come from outside, are ignored."""
        found = self.parse_data.get("entities")
        if not found or not isinstance(found, list):
            return []
        return [entity for entity in found if isinstance(entity, dict)]


class BotUttered(_Event, frozen=True, kw_only=True, tag="bot"):
    """The bot sent a message.

    Attributes:
        text: text of the message; None or "" if the message consists only of `data`.
        data: `elements, quick_replies, buttons, attachment, image, custom`, each possibly None.
    """

    text: str | None = None
    data: Json = {}


class ActionExecuted(_Event, frozen=True, kw_only=True, tag="action"):
    """An action ran. For a bot text of an end-to-end story, `name` is None, and `action_text` is the text."""

    name: str | None = None
    policy: str | None = None
    confidence: float | None = None
    action_text: str | None = None
    hide_rule_turn: bool = False


class SlotSet(_Event, frozen=True, kw_only=True, tag="slot"):
    """A slot was set. None clears it."""

    name: str
    value: Any


class ActiveLoop(_Event, frozen=True, kw_only=True, tag="active_loop"):
    """A form (or another loop) became active. If `name` is None, the active loop ended."""

    name: str | None = None


class LoopInterrupted(_Event, frozen=True, kw_only=True, tag="loop_interrupted"):
    """A loop was interrupted or continues. The next run of an interrupted loop does not validate the message."""

    is_loop_interrupted: bool = msgspec.field(name="is_interrupted", default=False)


class ActionExecutionRejected(_Event, frozen=True, kw_only=True, tag="action_execution_rejected"):
    """An action refused to run. Another action is predicted."""

    name: str
    policy: str | None = None
    confidence: float | None = None


class DefinePrevUserUtteredFeaturization(_Event, frozen=True, kw_only=True, tag="user_featurization"):
    """Records whether the policies used the text of the last user message instead of its intent."""

    use_text_for_featurization: bool


class EntitiesAdded(_Event, frozen=True, kw_only=True, tag="entities"):
    """Adds entities to the last user message."""

    entities: list[Json]


class FollowupAction(_Event, frozen=True, kw_only=True, tag="followup"):
    """Sets the next action. The action then runs without a prediction by the policies."""

    name: str


class Restarted(_Event, frozen=True, kw_only=True, tag="restart"):
    """The conversation was restarted: slots, loop and pause are cleared."""


class SessionStarted(_Event, frozen=True, kw_only=True, tag="session_started"):
    """A new session started: slots and loop are cleared."""


class UserUtteranceReverted(_Event, frozen=True, kw_only=True, tag="rewind"):
    """The last user turn was reverted."""


class ActionReverted(_Event, frozen=True, kw_only=True, tag="undo"):
    """Undoes the last action."""


class AllSlotsReset(_Event, frozen=True, kw_only=True, tag="reset_slots"):
    """All slots return to their initial values."""


class ConversationPaused(_Event, frozen=True, kw_only=True, tag="pause"):
    """The bot is paused: it no longer answers."""


class ConversationResumed(_Event, frozen=True, kw_only=True, tag="resume"):
    """The bot is no longer paused: it answers again."""


class ReminderScheduled(_Event, frozen=True, kw_only=True, tag="reminder"):
    """At `date_time` (ISO 8601), the bot acts as if it had received `intent`."""

    intent: str
    date_time: str
    entities: Any = None
    name: str | None = None
    kill_on_user_msg: bool = True


class ReminderCancelled(_Event, frozen=True, kw_only=True, tag="cancel_reminder"):
    """Cancels the reminders that match every given field. Cancels all reminders if no field is given."""

    name: str | None = None
    intent: str | None = None
    entities: Any = None


class StoryExported(_Event, frozen=True, kw_only=True, tag="export"):
    """The conversation was exported as a story."""

    path: str | None = None


class Operator(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person who answers in place of the bot.

    Attributes:
        id: identifies the person.
        name: the name that visitors and other operators see.
        avatar: URL of a picture.
    """

    id: str
    name: str
    avatar: str | None = None


class AgentUttered(_Event, frozen=True, kw_only=True, tag="agent"):
    """A person sent a message in place of the bot.

    Attributes:
        operator: who sent it from the desk. Not set: another program added the event. The visitor does not see it then,
            because that program sent the message itself.
        message_id: the operator's id of the message.
    """

    text: str | None = None
    data: Any = None
    operator: Operator | UnsetType = UNSET
    message_id: str | UnsetType = UNSET


class HandoffRequested(_Event, frozen=True, kw_only=True, tag="handoff_requested"):
    """A person was requested for this conversation. The bot does not answer until an operator hands it back."""

    reason: str | None = None
    priority: int | None = None


class OperatorJoined(_Event, frozen=True, kw_only=True, tag="operator_joined"):
    """An operator took the conversation."""

    operator: Operator


class NextHandler(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who handles a conversation after an operator has left. `operator_id` is set if `kind` is `operator`."""

    kind: Literal["bot", "queue", "operator"]
    operator_id: str | None = None


class OperatorLeft(_Event, frozen=True, kw_only=True, tag="operator_left"):
    """An operator handed the conversation over, or nobody took it in time.

    Attributes:
        operator: who handed it over. None: nobody took the conversation in time.
        to: who handles it next.
        closed: whether the conversation was closed.
        asks_rating: whether the visitor is asked for a rating.
    """

    operator: Operator | None = None
    to: NextHandler
    closed: bool = False
    asks_rating: bool = False


class Note(_Event, frozen=True, kw_only=True, tag="note"):
    """An operator's note. Only operators see it."""

    text: str
    operator: Operator


class Labelled(_Event, frozen=True, kw_only=True, tag="labelled"):
    """Labels were added to the conversation or removed. `operator` None: the bot did it."""

    add: list[str] = []
    remove: list[str] = []
    operator: Operator | None = None


class Rated(_Event, frozen=True, kw_only=True, tag="rated"):
    """The visitor rated the conversation, or one message.

    Attributes:
        score: 1 to 5. For a message, thumbs down is 1 and thumbs up is 5.
        of: `seq` of the rated message. None: the whole conversation.
    """

    score: int
    comment: str | None = None
    of: int | None = None


Event = (
    UserUttered
    | BotUttered
    | ActionExecuted
    | SlotSet
    | ActiveLoop
    | LoopInterrupted
    | ActionExecutionRejected
    | DefinePrevUserUtteredFeaturization
    | EntitiesAdded
    | FollowupAction
    | Restarted
    | SessionStarted
    | UserUtteranceReverted
    | ActionReverted
    | AllSlotsReset
    | ConversationPaused
    | ConversationResumed
    | ReminderScheduled
    | ReminderCancelled
    | StoryExported
    | AgentUttered
    | HandoffRequested
    | OperatorJoined
    | OperatorLeft
    | Note
    | Labelled
    | Rated
)

INTERNAL_EVENTS = (HandoffRequested, OperatorJoined, OperatorLeft, Note, Labelled, Rated)
"""Events of the desk. They stay in the log: only operators see them, and only Manent adds them.

Rasa does not know them. Trackers, action servers, event brokers and exports contain `pause` and `resume` instead, and
`agent` with Rasa's keys. `outside` and `outside_json` remove the rest for every reader outside the desk.
"""

INTERNAL_KINDS = frozenset(str(kind.__struct_config__.tag) for kind in INTERNAL_EVENTS)

EVENT_KINDS = frozenset(kind.__struct_config__.tag for kind in Event.__args__) - INTERNAL_KINDS | {
    "form",
    "form_validation",
}
"""All values that the key `event` can have outside this server, including legacy names."""

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def encode_event(event: Event) -> bytes:
    """Return the event's wire form as UTF-8 JSON."""
    return _encoder.encode(event)


def decode_event(data: bytes | str) -> Event:
    """Read an event that `encode_event` wrote.

    Raises:
        msgspec.ValidationError: the bytes are not an event of this version.
    """
    return _decoder.decode(data)


def event_to_wire(event: Event) -> Json:
    """Return the event's wire form as a JSON object."""
    wire: Json = msgspec.to_builtins(event)
    return wire


_INTERNAL_PREFIXES = tuple(b'{"event":"%s"' % kind.encode() for kind in sorted(INTERNAL_KINDS))
_AGENT_PREFIX = b'{"event":"agent"'


def outside(event: Event) -> Event | None:
    """Return the event as readers outside the desk may see it. None: they may not see it.

    All code that shows, sends or exports events calls this function, `outside_events` or `outside_json`.
    """
    if isinstance(event, INTERNAL_EVENTS):
        return None
    if isinstance(event, AgentUttered):
        return msgspec.structs.replace(event, operator=UNSET, message_id=UNSET)
    return event


def outside_events(events: Iterable[Event]) -> list[Event]:
    """Return the events that readers outside the desk may see, like `outside`."""
    return [shown for event in events if (shown := outside(event)) is not None]


def outside_json(events: Iterable[bytes]) -> list[bytes]:
    """Return the events that readers outside the desk may see, like `outside`, from and to stored JSON."""
    return [
        _agent_outside(event) if event.startswith(_AGENT_PREFIX) else event
        for event in events
        if not event.startswith(_INTERNAL_PREFIXES)
    ]


def _agent_outside(event: bytes) -> bytes:
    wire: Json = msgspec.json.decode(event)
    wire.pop("operator", None)
    wire.pop("message_id", None)
    return msgspec.json.encode(wire)


def event_from_wire(wire: Mapping[str, Any]) -> Event:
    """Read an event from an external source: the response of an action server, a request body, another store.

    Like Rasa, this accepts the legacy names `form` and `form_validation`, absent optional keys, and null metadata.

    Raises:
        RequestError: `invalid_event`: the value is not an event, a key is missing or has the wrong type, or only Manent
            itself adds events of this kind.
    """
    known = {key: value for key, value in wire.items() if value is not None or key in ("value", "name")}
    match known.get("event"):
        case str(kind) if kind in INTERNAL_KINDS:
            raise RequestError("invalid_event", f"{kind!r} is an event of the desk, which other programs cannot add")
        case "agent":
            known.pop("operator", None)
            known.pop("message_id", None)
        case "form":
            known["event"] = "active_loop"
        case "form_validation":
            known["event"] = "loop_interrupted"
            known["is_interrupted"] = not known.pop("validate", True)
        case "bot" if "data" in wire and not isinstance(wire["data"], Mapping):
            known.pop("data", None)
    if known.get("name", "") is None and known.get("event") in ("reminder", "cancel_reminder"):
        del known["name"]
    try:
        event: Event = msgspec.convert(known, Event)
    except msgspec.ValidationError as error:
        raise RequestError("invalid_event", f"{wire.get('event')!r} is not a valid event: {error}") from error
    return event
