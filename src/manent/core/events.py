"""The events of a conversation's log, and their JSON form.

An event is a frozen record with the name that Rasa gives it; its JSON form is Rasa's wire form, key by key (the
product's contract: trackers, action servers, event brokers and stored logs all carry it). What an event *does* to a
tracker is in `tracker.py`. Events are msgspec structs rather than dataclasses: encoding a turn's events with them
costs a few microseconds, which matters because each is encoded once per commit.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from manent.core.errors import RequestError

Json = dict[str, Any]
"""A JSON object as Python has it."""


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """Common to all events.

    Attributes:
        timestamp: seconds since the epoch, UTC. None only before the event is appended to a log.
        metadata: free-form; events that a server appended carry `model_id` and `assistant_id`.
    """

    timestamp: float | None = None
    metadata: Json = {}


class UserUttered(_Event, frozen=True, kw_only=True, tag="user"):
    """A user spoke, or something outside spoke in their place (`EXTERNAL: <intent>`).

    Attributes:
        text: what was said, stripped.
        parse_data: what the NLU made of it: Rasa's parse result (`text, intent, entities, …`).
        input_channel: name of the channel it came through.
        message_id: the client's id of the message, or one of ours.
    """

    text: str | None = None
    parse_data: Json = {}
    input_channel: str | None = None
    message_id: str | None = None

    @property
    def intent(self) -> str | None:
        """Name of the recognised intent."""
        found = self.parse_data.get("intent")
        return found.get("name") if isinstance(found, dict) else None

    @property
    def entities(self) -> list[Json]:
        """The recognised entities, in Rasa's form."""
        return self.parse_data.get("entities") or []


class BotUttered(_Event, frozen=True, kw_only=True, tag="bot"):
    """The bot said something.

    Attributes:
        text: may be None or "" when the message is all in `data`.
        data: `elements, quick_replies, buttons, attachment, image, custom`, each possibly None.
    """

    text: str | None = None
    data: Json = {}


class ActionExecuted(_Event, frozen=True, kw_only=True, tag="action"):
    """An action ran. `name` is None when `action_text` (an end-to-end bot text) says what was done."""

    name: str | None = None
    policy: str | None = None
    confidence: float | None = None
    action_text: str | None = None
    hide_rule_turn: bool = False


class SlotSet(_Event, frozen=True, kw_only=True, tag="slot"):
    """A slot got a value (None: none)."""

    name: str
    value: Any


class ActiveLoop(_Event, frozen=True, kw_only=True, tag="active_loop"):
    """A form (or other loop) became active, or, with name None, none is."""

    name: str | None = None


class LoopInterrupted(_Event, frozen=True, kw_only=True, tag="loop_interrupted"):
    """The next run of the loop shall (not) skip validation."""

    is_loop_interrupted: bool = msgspec.field(name="is_interrupted", default=False)


class ActionExecutionRejected(_Event, frozen=True, kw_only=True, tag="action_execution_rejected"):
    """An action declined to run; another shall be predicted."""

    name: str
    policy: str | None = None
    confidence: float | None = None


class DefinePrevUserUtteredFeaturization(_Event, frozen=True, kw_only=True, tag="user_featurization"):
    """Whether the policies looked at the text of the last user message rather than at its intent."""

    use_text_for_featurization: bool


class EntitiesAdded(_Event, frozen=True, kw_only=True, tag="entities"):
    """More entities for the last user message."""

    entities: list[Json]


class FollowupAction(_Event, frozen=True, kw_only=True, tag="followup"):
    """The next action, whatever the policies would say."""

    name: str


class Restarted(_Event, frozen=True, kw_only=True, tag="restart"):
    """The conversation begins anew: slots, loop and pause are wiped."""


class SessionStarted(_Event, frozen=True, kw_only=True, tag="session_started"):
    """A new session begins: slots and loop are wiped."""


class UserUtteranceReverted(_Event, frozen=True, kw_only=True, tag="rewind"):
    """The last user turn never happened."""


class ActionReverted(_Event, frozen=True, kw_only=True, tag="undo"):
    """The last action never happened."""


class AllSlotsReset(_Event, frozen=True, kw_only=True, tag="reset_slots"):
    """All slots go back to their initial values."""


class ConversationPaused(_Event, frozen=True, kw_only=True, tag="pause"):
    """The bot no longer answers."""


class ConversationResumed(_Event, frozen=True, kw_only=True, tag="resume"):
    """The bot answers again."""


class ReminderScheduled(_Event, frozen=True, kw_only=True, tag="reminder"):
    """At `date_time` (ISO 8601) the bot shall act as if it had received `intent`."""

    intent: str
    date_time: str
    entities: Any = None
    name: str | None = None
    kill_on_user_msg: bool = True


class ReminderCancelled(_Event, frozen=True, kw_only=True, tag="cancel_reminder"):
    """Cancel the reminders that match every given field (none given: all)."""

    name: str | None = None
    intent: str | None = None
    entities: Any = None


class StoryExported(_Event, frozen=True, kw_only=True, tag="export"):
    """The conversation was written out as a story."""

    path: str | None = None


class AgentUttered(_Event, frozen=True, kw_only=True, tag="agent"):
    """A human agent spoke in the bot's place."""

    text: str | None = None
    data: Any = None


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
)

EVENT_KINDS = frozenset(kind.__struct_config__.tag for kind in Event.__args__) | {"form", "form_validation"}
"""Every value of the key `event`, legacy names included."""

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


def event_from_wire(wire: Mapping[str, Any]) -> Event:
    """Read an event from outside: an action server's answer, a request body, another store.

    Accepts what Rasa accepts: the legacy names `form` and `form_validation`, absent optional keys, null metadata.

    Raises:
        RequestError: `invalid_event`; it is not an event, or a key is missing or of the wrong type.
    """
    known = {key: value for key, value in wire.items() if value is not None or key in ("value", "name")}
    match known.get("event"):
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
