"""The tracker: the state of a conversation, computed from its log.

`State` is the result of applying the events one by one: slots, loop, latest message, flags. `Tracker` is a state plus
the recent *applied* events. The applied events are the session's events, except those that rewinds, undos and repeated
form turns have removed. Policies read the applied events, and a rewind replays them. The tracker keeps only a window of
the applied events, so memory and time do not grow with the length of a conversation. `base` is the state before the
window. A rewind beyond the window raises `WindowExceeded`. The caller then loads a tracker with a larger window.

No I/O, no clock. Reference: the DialogueStateTracker of Rasa 3.6.21, described in the contract (§5.3, §6).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from manent.core.domain import REQUESTED_SLOT, Domain
from manent.core.errors import InternalError
from manent.core.events import (
    ActionExecuted,
    ActionExecutionRejected,
    ActionReverted,
    ActiveLoop,
    AgentUttered,
    AllSlotsReset,
    BotUttered,
    ConversationPaused,
    ConversationResumed,
    DefinePrevUserUtteredFeaturization,
    EntitiesAdded,
    Event,
    FollowupAction,
    HandoffRequested,
    Json,
    Labelled,
    LoopInterrupted,
    Note,
    OperatorJoined,
    OperatorLeft,
    Rated,
    Restarted,
    SessionStarted,
    SlotSet,
    UserUtteranceReverted,
    UserUttered,
)

_LISTEN = "action_listen"

AFTER_ERROR = "error"
"""Reason of a handoff that was requested because the bot failed."""
_RECENT = 3
"""Number of user turns, including reverted turns, whose intents are kept. A two-stage fallback needs this many."""


class WindowExceeded(InternalError):
    """A rewind or undo needs events that are older than the window.

    The caller must load the tracker from an older snapshot.
    """

    def __init__(self) -> None:
        super().__init__("window_exceeded", "a rewind or undo needs events from before the tracker's window")


class LoopState(msgspec.Struct, kw_only=True):
    """The active loop and the result of its last run. `trigger_message` is the parse data that activated it."""

    name: str
    is_interrupted: bool = False
    rejected: bool = False
    trigger_message: Json | None = None


class State(msgspec.Struct, kw_only=True):
    """The state of a conversation after its applied events.

    Attributes:
        values: values of the slots that were set. All other slots have the initial value from the domain.
        uses_text: whether the policies used the text of the latest message instead of its intent.
    """

    values: dict[str, Any] = {}
    active_loop: LoopState | None = None
    latest_message: UserUttered | None = None
    latest_action: ActionExecuted | None = None
    latest_bot: BotUttered | None = None
    followup_action: str | None = None
    paused: bool = False
    uses_text: bool = False

    def copy(self) -> "State":
        """Return an independent copy. Copies of a tracker share these values, which are never changed in place."""
        loop = self.active_loop
        return State(
            values=dict(self.values),
            active_loop=loop and msgspec.structs.replace(loop),
            latest_message=self.latest_message,
            latest_action=self.latest_action,
            latest_bot=self.latest_bot,
            followup_action=self.followup_action,
            paused=self.paused,
            uses_text=self.uses_text,
        )

    def apply(self, event: Event) -> None:
        """Apply one event. Events that revert or clear have no effect here: `Tracker` handles them."""
        apply = _APPLY.get(type(event))
        if apply is not None:
            apply(self, event)

    def _set_slot(self, event: SlotSet) -> None:
        self.values[event.name] = event.value

    def _set_action(self, event: ActionExecuted) -> None:
        self.latest_action = event
        self.followup_action = None
        loop = self.active_loop
        if loop is not None:
            loop.is_interrupted = False
            if loop.name == event.name:
                loop.rejected = False

    def _set_bot_message(self, event: BotUttered) -> None:
        self.latest_bot = event

    def _set_message(self, event: UserUttered) -> None:
        self.latest_message = event
        self.followup_action = None
        self.uses_text = False

    def _set_loop(self, event: ActiveLoop) -> None:
        name = event.name
        if name is None:
            self.active_loop = None
        elif self.active_loop is None or self.active_loop.name != name:
            trigger = self.latest_message.parse_data if self.latest_message is not None else None
            self.active_loop = LoopState(name=name, trigger_message=trigger)

    def _interrupt_loop(self, event: LoopInterrupted) -> None:
        if self.active_loop is not None:
            self.active_loop.is_interrupted = event.is_loop_interrupted

    def _reject(self, event: ActionExecutionRejected) -> None:
        if self.active_loop is not None and self.active_loop.name == event.name:
            self.active_loop.rejected = True

    def _featurize(self, event: DefinePrevUserUtteredFeaturization) -> None:
        self.uses_text = event.use_text_for_featurization

    def _add_entities(self, event: EntitiesAdded) -> None:
        if self.latest_message is not None:
            parse_data = dict(self.latest_message.parse_data)
            parse_data["entities"] = [*self.latest_message.entities, *event.entities]
            self.latest_message = msgspec.structs.replace(self.latest_message, parse_data=parse_data)

    def _follow_up(self, event: FollowupAction) -> None:
        self.followup_action = event.name

    def _reset_slots(self, _: AllSlotsReset) -> None:
        self.values = {}

    def _pause(self, _: ConversationPaused) -> None:
        self.paused = True

    def _resume(self, _: ConversationResumed) -> None:
        self.paused = False


_APPLY: dict[type, Callable[[State, Any], None]] = {
    SlotSet: State._set_slot,  # noqa: SLF001  # the table of this class's methods
    ActionExecuted: State._set_action,  # noqa: SLF001
    BotUttered: State._set_bot_message,  # noqa: SLF001
    UserUttered: State._set_message,  # noqa: SLF001
    ActiveLoop: State._set_loop,  # noqa: SLF001
    LoopInterrupted: State._interrupt_loop,  # noqa: SLF001
    ActionExecutionRejected: State._reject,  # noqa: SLF001
    DefinePrevUserUtteredFeaturization: State._featurize,  # noqa: SLF001
    EntitiesAdded: State._add_entities,  # noqa: SLF001
    FollowupAction: State._follow_up,  # noqa: SLF001
    AllSlotsReset: State._reset_slots,  # noqa: SLF001
    ConversationPaused: State._pause,  # noqa: SLF001
    ConversationResumed: State._resume,  # noqa: SLF001
}
"""Event class → the method that applies it to the state.

A `match` would be slower: it tests one class after another.
"""


class _Dump(msgspec.Struct, kw_only=True):
    """The serialized form of a tracker (`Tracker.dump`)."""

    format: int = 1
    version: int
    state: State
    base: State
    applied: list[Event]
    truncated: bool
    latest_event_time: float | None
    latest_input_channel: str | None
    last_user_time: float | None
    session_started: bool
    loops: list[str]
    recent_intents: tuple[str | None, ...] = ()
    outdated: bool = False
    is_handled: bool = False
    failed_over: float | None = None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Dump)


@dataclass(slots=True, eq=False)
class Tracker:
    """A conversation, in the form that the dialogue engine uses.

    Attributes:
        sender_id: key of the conversation.
        domain: defines the slots. A slot event for an unknown slot has no effect.
        version: `seq` of the newest event that the tracker has processed.
        state: the result of applying `applied` to `base`.
        base: the state before the first event of `applied`.
        applied: recent applied events, oldest first.
        truncated: whether applied events of this session were removed from the start of `applied`.
        generation: counter that increases when `applied` changes by anything other than an append or a trim. Code that
            caches values derived from `applied` must then compute them again.
        trimmed: number of events that `trim` removed from the start of `applied` since the tracker was loaded.
        latest_event_time: timestamp of the newest event.
        last_user_time: timestamp of the newest user event. Session expiry is computed from it.
        latest_input_channel: input channel of the newest user event.
        session_started: whether a session was ever started.
        loops: names of loops that were ever active. `applied` contains only the last of their repeated runs.
        recent_intents: intents of the newest user events since a restart, including reverted ones. "" means a message
            without a recognised intent, None means a revert.
        declined: the action that refused to run. It is reset when another action runs. Snapshots do not contain this
            value, because each turn ends with an action.
        outdated: whether `state` still contains a form turn that was removed from `applied`. The state is computed
            again when the bot listens.
        is_handled: whether a person handles the conversation or was requested. Then the visitor's messages do not
            change the state, so that the bot later continues where it stopped.
        failed_over: timestamp of the newest handoff that was requested because the bot failed.
        counted: number of actions in `applied`. None if the actions must be counted again.
        derived: cache for values that other code derives from `applied`. Not stored.
    """

    sender_id: str
    domain: Domain
    version: int = 0
    state: State = field(default_factory=State)
    base: State = field(default_factory=State)
    applied: list[Event] = field(default_factory=list)
    truncated: bool = False
    generation: int = 0
    trimmed: int = 0
    latest_event_time: float | None = None
    last_user_time: float | None = None
    latest_input_channel: str | None = None
    session_started: bool = False
    loops: set[str] = field(default_factory=set)
    recent_intents: tuple[str | None, ...] = ()
    declined: str | None = None
    outdated: bool = False
    is_handled: bool = False
    failed_over: float | None = None
    counted: int | None = None
    derived: Any = None

    # reading ------------------------------------------------------------------------------------------------------

    def slots(self) -> Json:
        """Return the value of every slot in the domain."""
        values = self.state.values
        slots = {name: values.get(name, initial) for name, initial in self.domain.initial_slots.items()}
        for name in self.domain.list_slots:
            slots[name] = self.domain.kept(name, slots[name])
        return slots

    @property
    def requested_slot(self) -> str | None:
        """The slot that the active form requests.

        None if no slot is requested, or if an action set `requested_slot` to a value that is not a string.
        """
        name = self.state.values.get(REQUESTED_SLOT)
        return name if isinstance(name, str) else None

    @property
    def active_loop_name(self) -> str | None:
        """Name of the active loop."""
        loop = self.state.active_loop
        return loop.name if loop is not None else None

    @property
    def latest_action_name(self) -> str | None:
        """Name (or end-to-end text) of the newest action."""
        action = self.state.latest_action
        return (action.name or action.action_text) if action is not None else None

    # writing ------------------------------------------------------------------------------------------------------

    def update(self, event: Event) -> None:
        """Apply one event.

        When a form runs again, the user turn that only answered it is removed from `applied`. The message remains in
        the state until the bot listens, because actions in the same turn can read it.

        Raises:
            WindowExceeded: the event reverts more than the window contains, or a repeated loop's previous run is older
                than the window.
        """
        take = _TAKE.get(type(event))
        if take is not None:
            take(self, event)
        else:
            self._take(event)
        if event.timestamp is not None:
            self.latest_event_time = event.timestamp
        self.version += 1

    def retract(self, count: int, values: dict[str, Any]) -> None:
        """Remove the newest `count` events, which must be `SlotSet`s that no log contains yet.

        Args:
            count: number of events.
            values: `state.values` before these events.
        """
        del self.applied[len(self.applied) - count :]
        self.state.values = values
        self.version -= count
        self.generation += 1

    def trim(self, keep: int) -> None:
        """Move the events before the newest `keep` actions from `applied` into `base`.

        Trim only when `applied` contains more than twice as many actions, because trimming is expensive. If the limit
        were one and a half times as many, trimming would take 5 µs per turn on average.
        """
        if self.counted is not None and self.counted <= 2 * keep:
            return
        actions = [index for index, event in enumerate(self.applied) if isinstance(event, ActionExecuted)]
        self.counted = len(actions)
        if len(actions) <= 2 * keep:
            return
        start = actions[-keep]
        for event in self.applied[:start]:
            self.base.apply(event)
        del self.applied[:start]
        self.truncated = True
        self.trimmed += start
        self.counted = keep

    def _take(self, event: Event) -> None:
        self.state.apply(event)
        self.applied.append(event)

    def _take_slot(self, event: SlotSet) -> None:
        if event.name in self.domain.slots:
            self._take(event)

    def _take_message(self, event: UserUttered) -> None:
        self.last_user_time = event.timestamp
        self.latest_input_channel = event.input_channel
        if self.is_handled:
            return
        self._take(event)
        self._remember(event.intent or "")

    def _take_agent_message(self, event: AgentUttered) -> None:
        if not (self.is_handled or event.operator):
            self._take(event)

    def _request_handoff(self, event: HandoffRequested) -> None:
        self.is_handled = True
        if event.reason == AFTER_ERROR:
            self.failed_over = event.timestamp

    def _join(self, _: OperatorJoined) -> None:
        self.is_handled = True

    def _leave(self, event: OperatorLeft) -> None:
        self.is_handled = event.to.kind != "bot"

    def _ignore(self, _: Note | Labelled | Rated) -> None:
        """Do nothing: the event does not concern the dialogue."""

    def _take_rejection(self, event: ActionExecutionRejected) -> None:
        self._take(event)
        self.declined = event.name

    def _take_action(self, event: ActionExecuted) -> None:
        name = event.name
        self.declined = None
        if name in self.loops and self._is_repeated_run(name):
            self.state.apply(event)
            self._collapse(name)
            self.outdated = True
            return
        self._take(event)
        if self.counted is not None:
            self.counted += 1
        if self.outdated and name == _LISTEN:
            self._replay()

    def _take_loop(self, event: ActiveLoop) -> None:
        self._take(event)
        if event.name is not None:
            self.loops.add(event.name)

    def _restart(self, _: Restarted) -> None:
        self._wipe()
        self.state.followup_action = "action_session_start"
        self.recent_intents = ()

    def _start_session(self, _: SessionStarted) -> None:
        self._wipe()
        self.session_started = True

    def _revert_message(self, _: UserUtteranceReverted) -> None:
        self._undo_through(UserUttered)
        self._undo_through(ActionExecuted)
        self._replay()
        self._remember(None)

    def _revert_action(self, _: ActionReverted) -> None:
        self._undo_through(ActionExecuted)
        self._replay()

    def _remember(self, intent: str | None) -> None:
        self.recent_intents = (*self.recent_intents, intent)[-_RECENT:]

    def _wipe(self) -> None:
        self.base = State(followup_action=_LISTEN)
        self.state = self.base.copy()
        self.outdated = False
        self.applied.clear()
        self.truncated = False
        self.generation += 1
        self.counted = 0

    def _replay(self) -> None:
        self.state = self.base.copy()
        if not self.truncated:
            # All events of the session were reverted. The policies have no events to predict from, so the bot listens.
            self.state.followup_action = _LISTEN
        for event in self.applied:
            self.state.apply(event)
        self.outdated = False

    def _undo_through(self, kind: type[UserUttered] | type[ActionExecuted]) -> None:
        """Remove the applied events from the newest event of this kind to the end."""
        self.generation += 1
        self.counted = None
        while self.applied:
            if isinstance(self.applied.pop(), kind):
                return
        if self.truncated:
            raise WindowExceeded

    def _is_repeated_run(self, loop: str) -> bool:
        """Return whether the loop ran before in the same activation, and only `action_listen` ran since.

        Raises:
            WindowExceeded: the window contains only `action_listen` actions, so the previous run can be older than the
                window.
        """
        for event in reversed(self.applied):
            match event:
                case ActiveLoop(name=None) | LoopInterrupted(is_loop_interrupted=True) | ActionExecutionRejected():
                    return False
                case ActionExecuted() if event.name == loop:
                    return True
                case ActionExecuted() if event.name != _LISTEN:
                    return False
                case _:
                    pass
        if self.truncated:
            raise WindowExceeded
        return False

    def _collapse(self, loop: str) -> None:
        """Remove the newest user turn from `applied`, back to the loop's previous run.

        Keep its slots and other events.
        """
        kept: list[Event] = []
        while self.applied:
            event = self.applied.pop()
            if isinstance(event, ActionExecuted) and event.name == loop:
                self.applied.append(event)
                break
            if not isinstance(event, ActionExecuted | UserUttered | DefinePrevUserUtteredFeaturization):
                kept.append(event)
        self.applied.extend(reversed(kept))
        self.generation += 1
        self.counted = None

    # snapshots ----------------------------------------------------------------------------------------------------

    def dump(self) -> bytes:
        """Return the tracker as bytes, for a snapshot."""
        return _encoder.encode(
            _Dump(
                version=self.version,
                state=self.state,
                base=self.base,
                applied=self.applied,
                truncated=self.truncated,
                latest_event_time=self.latest_event_time,
                latest_input_channel=self.latest_input_channel,
                last_user_time=self.last_user_time,
                session_started=self.session_started,
                loops=sorted(self.loops),
                recent_intents=self.recent_intents,
                outdated=self.outdated,
                is_handled=self.is_handled,
                failed_over=self.failed_over,
            )
        )

    @classmethod
    def load(cls, sender_id: str, domain: Domain, data: bytes) -> "Tracker":
        """Restore a tracker from the bytes that `dump` returned.

        Raises: msgspec.ValidationError: the bytes are not a dump from this version.
        """
        dump = _decoder.decode(data)
        return cls(
            sender_id=sender_id,
            domain=domain,
            version=dump.version,
            state=dump.state,
            base=dump.base,
            applied=dump.applied,
            truncated=dump.truncated,
            latest_event_time=dump.latest_event_time,
            last_user_time=dump.last_user_time,
            latest_input_channel=dump.latest_input_channel,
            session_started=dump.session_started,
            loops=set(dump.loops),
            recent_intents=dump.recent_intents,
            outdated=dump.outdated,
            is_handled=dump.is_handled,
            failed_over=dump.failed_over,
        )


_TAKE: dict[type, Callable[[Tracker, Any], None]] = {
    ActionExecutionRejected: Tracker._take_rejection,  # noqa: SLF001
    SlotSet: Tracker._take_slot,  # noqa: SLF001  # the table of this class's methods
    UserUttered: Tracker._take_message,  # noqa: SLF001
    ActionExecuted: Tracker._take_action,  # noqa: SLF001
    ActiveLoop: Tracker._take_loop,  # noqa: SLF001
    Restarted: Tracker._restart,  # noqa: SLF001
    SessionStarted: Tracker._start_session,  # noqa: SLF001
    UserUtteranceReverted: Tracker._revert_message,  # noqa: SLF001
    ActionReverted: Tracker._revert_action,  # noqa: SLF001
    AgentUttered: Tracker._take_agent_message,  # noqa: SLF001
    HandoffRequested: Tracker._request_handoff,  # noqa: SLF001
    OperatorJoined: Tracker._join,  # noqa: SLF001
    OperatorLeft: Tracker._leave,  # noqa: SLF001
    Note: Tracker._ignore,  # noqa: SLF001
    Labelled: Tracker._ignore,  # noqa: SLF001
    Rated: Tracker._ignore,  # noqa: SLF001
}
"""Event class → the method that applies its events, for events that change more than `state` and `applied`."""
