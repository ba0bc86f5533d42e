"""The turn engine: computes the events that answer a message, a trigger, or an unfinished log.

A turn does no I/O. It changes a `Tracker` and requests one `Step` at a time from its driver, the code that runs the
turn. The driver commits the events of `take_events` before it performs a `CallAction` or `Generate`, and again at
`Finished`. `TABLE` defines the state machine: the next state for each outcome. `docs/turn.svg` is generated from it.

How to run a turn:

    turn = Turn(model, tracker, env)
    step = turn.start(message)
    while not isinstance(step, Finished):
        match step:
            case Understand():
                step = turn.proceed(nlu.parse(step.text))
            case CallAction() | Generate():
                commit(turn.take_events())
                step = turn.proceed(await ask_outside(step))  # or turn.fail(error)
    commit(turn.take_events())
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Any

from msgspec.structs import replace

from manent.core.domain import SESSION_METADATA_SLOT
from manent.core.errors import ActionError, RequestError
from manent.core.events import (
    ActionExecuted,
    ActionExecutionRejected,
    AgentUttered,
    BotUttered,
    ConversationPaused,
    Event,
    HandoffRequested,
    Json,
    OperatorJoined,
    OperatorLeft,
    SlotSet,
    UserUtteranceReverted,
    UserUttered,
)
from manent.core.messages import UserMessage
from manent.core.tracker import Tracker
from manent.dialogue import handoff
from manent.dialogue.acting import Acting, ActionRejected
from manent.dialogue.actions import SESSION_START
from manent.dialogue.forms import candidate_slots
from manent.dialogue.model import DialogueModel
from manent.dialogue.policies.ensemble import Choice
from manent.dialogue.policies.rule import INTENT_ACTIONS, RulePolicy
from manent.dialogue.responses import ACTION_FAILED, ACTION_FAILED_TEXT, bot_event
from manent.dialogue.session import needs_new_session, session_start_events
from manent.dialogue.slots import latest_received
from manent.dialogue.states import LISTEN
from manent.dialogue.steps import ActionResult, Activity, CallAction, Env, Finished, Generate, Step, Understand

__all__ = ["TABLE", "ActionResult", "CallAction", "Env", "Finished", "Generate", "Outcome", "State", "Step", "Turn",
           "Understand"]  # fmt: skip

log = logging.getLogger(__name__)


class State(Enum):
    """The states of a turn."""

    OPENING = "starts a session if none is open"
    UNDERSTANDING = "parses the message"
    FILLING = "fills slots from the message"
    PREDICTING = "selects the next action"
    ACTING = "runs the action"
    APOLOGISING = "reports that an action failed"
    RETURNING = "reports that nobody took the conversation"
    ADDING = "adds given events"
    FINISHED = "has ended"

    __hash__ = object.__hash__  # this is ten times as fast as Enum's hash, which hashes the name


class Outcome(Enum):
    """The outcome of a state."""

    OPENED = "a session is open"
    OPENED_TO_ACT = "a session is open to run an action"
    OPENED_TO_ADD = "a session is open to add events"
    MESSAGE_ADDED = "the message is in the log"
    FILLED = "slots are filled"
    RECORDED = "the message is recorded without a reply"
    CHOSEN = "an action is selected"
    SILENT = "no reply"
    ACTED = "the action has run"
    REJECTED = "the action refused to run"
    RAN_ALONE = "the single action has run"
    MESSAGE_REPEATED = "the action repeated a message"
    LISTENED = "the bot listens"
    FAILED = "a custom action failed"

    __hash__ = object.__hash__


TABLE: dict[tuple[State, Outcome], State] = {
    (State.OPENING, Outcome.OPENED): State.UNDERSTANDING,
    (State.OPENING, Outcome.OPENED_TO_ACT): State.ACTING,
    (State.OPENING, Outcome.OPENED_TO_ADD): State.ADDING,
    (State.UNDERSTANDING, Outcome.MESSAGE_ADDED): State.FILLING,
    (State.UNDERSTANDING, Outcome.RECORDED): State.FINISHED,
    (State.UNDERSTANDING, Outcome.FAILED): State.APOLOGISING,
    (State.FILLING, Outcome.FILLED): State.PREDICTING,
    (State.FILLING, Outcome.RECORDED): State.FINISHED,
    (State.FILLING, Outcome.FAILED): State.APOLOGISING,
    (State.PREDICTING, Outcome.CHOSEN): State.ACTING,
    (State.PREDICTING, Outcome.SILENT): State.FINISHED,
    (State.PREDICTING, Outcome.LISTENED): State.FINISHED,
    (State.ACTING, Outcome.ACTED): State.PREDICTING,
    (State.ACTING, Outcome.REJECTED): State.PREDICTING,
    (State.ACTING, Outcome.MESSAGE_REPEATED): State.FILLING,
    (State.ACTING, Outcome.LISTENED): State.FINISHED,
    (State.ACTING, Outcome.RAN_ALONE): State.FINISHED,
    (State.ACTING, Outcome.FAILED): State.APOLOGISING,
    (State.APOLOGISING, Outcome.LISTENED): State.FINISHED,
    (State.RETURNING, Outcome.LISTENED): State.FINISHED,
    (State.ADDING, Outcome.RECORDED): State.FINISHED,
}
"""The next state for each state and outcome."""

_FINISHED = Finished()
_OVER = State.FINISHED  # in Python 3.11, an attribute of an enum takes ten times as long to look up as a global name

_Work = Outcome | Activity[Outcome]
"""The outcome of a state. If the state needs the results of steps, an activity that returns the outcome."""


class Turn:
    """One turn of one conversation.

    Create a new object for each call of an entry point (`start` and the methods after it).

    Every entry point, `proceed` and `fail` can raise `manent.core.tracker.WindowExceeded`. In this case, discard the
    turn, load the tracker from an older snapshot, and start the turn again.
    """

    def __init__(self, model: DialogueModel, tracker: Tracker, env: Env) -> None:
        """Create a turn.

        The tracker must contain at least the last `model.window` applied actions of the committed log.
        """
        self._model = model
        self._tracker = tracker
        self._env = env
        self._acting = Acting(
            tracker=tracker,
            domain=model.domain,
            responses=model.responses,
            env=env,
            channel="",
            external_nlg=model.external_nlg,
        )
        self._state = State.FINISHED
        self._work: Activity[Outcome] | None = None
        self._events: list[Event] = []
        self._held = 0
        self._just_filled = 0
        self._values_before: dict[str, Any] = {}
        self._message: UserMessage | None = None
        self._choice: Choice | None = None
        self._given: tuple[Event, ...] = ()
        self._acts_alone = False
        self._records_only = False
        self._has_failed = False
        self._has_reverted = False
        self._actions = 0

    # entry points -------------------------------------------------------------------------------------------------

    def start(self, message: UserMessage) -> Step:
        """Process a message: start a session if needed, parse the text, fill slots, and act until the bot listens."""
        self._message = message
        self._acting.channel = message.output_channel
        return self._go(State.OPENING)

    def log_message(self, message: UserMessage) -> Step:
        """Record a message and fill slots from it, without a reply."""
        self._records_only = True
        return self.start(message)

    def trigger(
        self,
        intent: str,
        entities: Any = None,
        metadata: Json | None = None,
        *,
        channel: str = "",
        input_channel: str | None = None,
        first: Iterable[Event] = (),
    ) -> Step:
        """Act as if the user had sent `intent` (`EXTERNAL: <intent>`). For external triggers and reminders.

        Args:
            intent: an intent of the domain.
            entities: a list of entities in Rasa's format, or an object that maps entity names to values. Other values,
                which a reminder can contain, are ignored.
            metadata: metadata of the user event. `is_external` is added.
            channel: name of the output channel.
            input_channel: name of the input channel. None: the input channel of the latest message.
            first: events to add before.
        """
        self._given = tuple(first)
        self._add()
        self._given = ()
        if isinstance(entities, dict):
            entities = [{"entity": name, "value": value} for name, value in entities.items()]
        found = entities if isinstance(entities, list) else []
        text = f"EXTERNAL: {intent}"
        return self.start(
            UserMessage(
                sender_id=self._tracker.sender_id,
                text=text,
                message_id=self._env.new_id(),
                input_channel=input_channel or self._tracker.latest_input_channel,
                output_channel=channel,
                metadata={**(metadata or {}), "is_external": True},
                parse_data={"intent": {"name": intent}, "entities": found, "text": text},
                external=True,
            )
        )

    def resume(self, channel: str) -> Step:
        """Continue an unfinished turn, whose events so far are in the tracker. An unfinished action runs again.

        If the tracker contains no message and no action of the turn, the turn ends. It called the project's
        `action_session_start`, or an action that a client selected. Predicting an action would repeat the answer to the
        message before.

        Args:
            channel: name of the output channel; `UserMessage.output_channel` describes it.
        """
        self._acting.channel = channel
        has_begun = False
        for event in reversed(self._tracker.applied):
            if isinstance(event, ActionExecuted):
                if event.name == LISTEN:
                    break
                self._actions += 1
            has_begun = has_begun or isinstance(event, ActionExecuted | UserUttered)
        if not has_begun:
            return Finished()
        newest = self._tracker.applied[-1] if self._tracker.applied else None
        if isinstance(newest, UserUttered):
            return self._go(State.FILLING)
        # The slots of a message are committed together, so any later event shows that they are filled.
        return self._go(State.PREDICTING)

    def abandon(self, channel: str) -> Step:
        """End an unfinished turn that cannot continue.

        Send a message about the failure and listen. Committed events stay.

        Args:
            channel: name of the output channel; `UserMessage.output_channel` describes it.
        """
        self._acting.channel = channel
        return self._go(State.APOLOGISING)

    def execute(self, action: str, *, policy: str | None = None, confidence: float | None = None, channel: str) -> Step:
        """Run one action without predicting.

        Raises:
            RequestError: `unknown_action`: the domain does not contain the action.
        """
        if action not in self._model.domain.action_index and action != handoff.HANDOFF:
            raise RequestError("unknown_action", f"the domain does not contain the action {action!r}", status=404)
        self._acting.channel = channel
        self._acts_alone = True
        self._choice = Choice(action=action, policy=policy, confidence=confidence if confidence is not None else 0.0)
        return self._go(State.OPENING)

    def handle(self, events: Iterable[Event], *, channel: str = "") -> Step:
        """Add the events with which operators change who handles the conversation, or answer.

        If the session has expired when a person is requested or joins, a new session starts first, so that the bot
        later does not continue an old form. It starts without a custom action: the bot sends nothing.

        Args:
            events: the events.
            channel: name of the output channel of an operator's message.
        """
        self._given = tuple(events)
        self._acting.channel = channel
        tracker, domain = self._tracker, self._model.domain
        begins = any(isinstance(event, HandoffRequested | OperatorJoined) for event in self._given)
        if begins and not tracker.is_handled and needs_new_session(tracker, domain.session, self._env.now()):
            self._append(ActionExecuted(name=SESSION_START, confidence=1.0))
            self._append_all(session_start_events(tracker, domain))
        return self._go(State.ADDING)

    def return_to_bot(self, events: Iterable[Event], channel: str) -> Step:
        """Add the events with which a conversation leaves the queue, and report that nobody took it in time.

        Args:
            events: the events of `core.handler.expire`.
            channel: name of the output channel; `UserMessage.output_channel` describes it.
        """
        self._given = tuple(events)
        self._acting.channel = channel
        return self._go(State.RETURNING)

    def apply(self, events: Iterable[Event], *, channel: str = "") -> Step:
        """Add given events. A session starts first if none exists or the last one has expired.

        Events that have a timestamp keep it.

        Args:
            events: the events.
            channel: name of the output channel of the bot messages among them.
        """
        self._given = tuple(events)
        self._acting.channel = channel
        return self._go(State.OPENING)

    # steps --------------------------------------------------------------------------------------------------------

    def proceed(self, result: Any) -> Step:
        """Pass the result of the last step and return the next step.

        Args:
            result: the parse result for `Understand`, an `ActionResult` for `CallAction`, the message for `Generate`.
        """
        return self._run(result, None)

    def fail(self, error: ActionError) -> Step:
        """Continue after the last `CallAction` or `Generate` failed. The turn ends with a message to the user."""
        return self._run(None, error)

    def take_events(self) -> list[Event]:
        """Return the events that can be committed now and that no previous call returned, in order."""
        ready = len(self._events) - self._held
        taken, self._events = self._events[:ready], self._events[ready:]
        return taken

    def _go(self, state: State) -> Step:
        self._state = state
        self._work = None
        return self._run(None, None)

    def _run(self, result: Any, error: ActionError | None) -> Step:
        while self._state is not _OVER:
            try:
                if self._work is None:
                    self._acting.pending = ()
                    work = _WORK[self._state](self)
                    if isinstance(work, Outcome):
                        self._state = TABLE[self._state, work]
                        continue
                    self._work = work
                    return next(work)
                if error is not None:
                    return self._work.throw(error)
                return self._work.send(result)
            except StopIteration as done:
                outcome: Outcome = done.value
            except ActionError as failure:
                if failure is not error:  # the caller that reported the error has logged it
                    log.warning("the turn ends: %s", failure)
                outcome = Outcome.FAILED
            self._work, result, error = None, None, None
            self._state = TABLE[self._state, outcome]
        if self._tracker.is_handled and not self._tracker.state.paused:
            self._append(ConversationPaused())  # a restart or a new session has removed the pause
        return _FINISHED

    def _append(self, event: Event) -> None:
        """Add the stamp, and a message's output channel if it reads the log, to the metadata. Apply the event."""
        self._just_filled = 0
        env, channel = self._env, self._acting.channel
        metadata = {**event.metadata, **env.stamp} if event.metadata else env.stamp
        if channel in env.posted_to and isinstance(event, BotUttered | AgentUttered):
            metadata = {**metadata, "output_channel": channel}
        stamped: Event = replace(
            event, timestamp=env.now() if event.timestamp is None else event.timestamp, metadata=metadata
        )
        self._tracker.update(stamped)
        self._events.append(stamped)

    # states -------------------------------------------------------------------------------------------------------

    def _open(self) -> _Work:
        tracker = self._tracker
        if not tracker.is_handled and needs_new_session(tracker, self._model.domain.session, self._env.now()):
            return self._begin_session()
        if self._message is not None and not tracker.state.paused and self._is_open():
            self._append(ActionExecuted(name=LISTEN))
        return self._opened()

    def _begin_session(self) -> Activity[Outcome]:
        if self._message is not None and self._message.metadata and not self._message.external:
            self._append(SlotSet(name=SESSION_METADATA_SLOT, value=self._message.metadata))
        try:
            did = self._model.actions.run(self._acting, SESSION_START)
            events = did if isinstance(did, list) else (yield from did)
        except (ActionError, ActionRejected) as error:
            # The turn needs a session. Start one without a custom action, add the message, then report the failure.
            log.warning("%s failed: %s", SESSION_START, error)
            events = session_start_events(self._tracker, self._model.domain)
            self._has_failed = True
        self._append(ActionExecuted(name=SESSION_START, confidence=1.0))
        self._append_all(events)
        return self._opened()

    def _opened(self) -> Outcome:
        if self._message is not None:
            return Outcome.OPENED
        return Outcome.OPENED_TO_ACT if self._acts_alone else Outcome.OPENED_TO_ADD

    def _is_open(self) -> bool:
        """Return whether the previous turn ended without `action_listen`.

        This happens after `execute` and after a pause.
        """
        for event in reversed(self._tracker.applied):
            if isinstance(event, ActionExecuted):
                return event.name != LISTEN
        return False

    def _understand(self) -> _Work:
        message = self._message
        if message is None:
            raise RuntimeError("no message to parse")
        if message.parse_data is None:
            return self._parse(message)
        return self._add_message(message, message.parse_data)

    def _parse(self, message: UserMessage) -> Activity[Outcome]:
        parse_data: Json = yield Understand(text=message.text)
        return self._add_message(message, parse_data)

    def _add_message(self, message: UserMessage, parse_data: Json) -> Outcome:
        self._append(
            UserUttered(
                text=message.text,
                parse_data=parse_data,
                input_channel=message.input_channel,
                message_id=message.message_id or self._env.new_id(),
                metadata=message.metadata,
            )
        )
        if self._tracker.is_handled:
            return Outcome.RECORDED
        return Outcome.FAILED if self._has_failed else Outcome.MESSAGE_ADDED

    def _fill(self) -> _Work:
        received = latest_received(self._tracker)
        if received is None or not self._model.ensemble.policies:
            return self._filled([])
        found = self._model.filler.fill(self._acting, received)
        return self._filled(found) if isinstance(found, list) else self._continue_filling(found)

    def _continue_filling(self, work: Activity[list[Event]]) -> Activity[Outcome]:
        return self._filled((yield from work))

    def _filled(self, events: list[Event]) -> Outcome:
        if events:
            self._values_before = dict(self._tracker.state.values)
            self._append_all(events)
            self._just_filled = len(events)
        return Outcome.RECORDED if self._records_only else Outcome.FILLED

    def _predict(self) -> Outcome:
        state = self._tracker.state
        ensemble = self._model.ensemble
        if not ensemble.policies:
            return Outcome.SILENT
        if state.paused:
            if self._tracker.is_handled or state.latest_message is None or state.latest_message.intent != "restart":
                return Outcome.SILENT
            if self._tracker.latest_action_name != LISTEN:
                # The pause interrupted a turn, so the policies would not see a message to answer.
                self._choice = Choice(action=INTENT_ACTIONS["restart"], policy=RulePolicy.name, confidence=1.0)
                return Outcome.CHOSEN
        if self._actions >= self._model.max_predictions:
            log.warning("limit of %d actions per turn reached; the bot listens", self._actions)
            self._append(ActionExecuted(name=LISTEN))
            return Outcome.LISTENED
        followup = state.followup_action
        if followup is not None and (followup in self._model.domain.action_index or followup == handoff.HANDOFF):
            self._choice = Choice(action=followup, policy="followup_action", confidence=1.0)
        else:
            if followup is not None:
                log.warning(
                    "the domain does not contain the follow-up action %r; the policies predict an action instead",
                    followup,
                )
            self._choice = ensemble.choose(self._tracker)
            if self._has_reverted and self._choice.action != LISTEN and self._ends_in_message():
                # The turn of this message ended because an action failed. A later turn does not answer the message.
                self._choice = Choice(action=LISTEN, policy=None, confidence=1.0)
        return Outcome.CHOSEN

    def _ends_in_message(self) -> bool:
        """Return whether no action has run or was rejected since the latest message."""
        for event in reversed(self._tracker.applied):
            if isinstance(event, ActionExecuted | ActionExecutionRejected | UserUttered):
                return isinstance(event, UserUttered)
        return False

    def _act(self) -> _Work:
        choice = self._choice
        if choice is None:
            raise RuntimeError("no action was selected")
        self._acting.pending = choice.events
        if choice.action in self._model.domain.forms:
            self._hold()
        did = self._model.actions.run(self._acting, choice.action)
        return self._acted(choice, did) if isinstance(did, list) else self._continue_action(choice, did)

    def _continue_action(self, choice: Choice, work: Activity[list[Event]]) -> Activity[Outcome]:
        name = choice.action
        try:
            events = yield from work
        except ActionRejected:
            self._held = 0
            self._append(ActionExecutionRejected(name=name, policy=choice.policy, confidence=choice.confidence))
            return Outcome.RAN_ALONE if self._acts_alone else Outcome.REJECTED
        except ActionError:
            if name in self._model.domain.forms:
                self._drop_held(name)
            raise
        return self._acted(choice, events)

    def _acted(self, choice: Choice, events: Sequence[Event]) -> Outcome:
        name = choice.action
        self._held = 0
        kinds = {type(event) for event in events}
        if ActionExecutionRejected in kinds:
            # The action refused to run: it returned an event instead of a status. Send its messages anyway.
            self._append_all(events)
            return Outcome.RAN_ALONE if self._acts_alone else Outcome.REJECTED
        for event in choice.events:
            self._append(event)
        is_text = name in self._model.domain.e2e_actions
        self._append(
            ActionExecuted(
                name=None if is_text else name,
                action_text=name if is_text else None,
                policy=choice.policy,
                confidence=choice.confidence,
                hide_rule_turn=choice.hide_turn,
            )
        )
        self._actions += 1
        self._append_all(events)
        if self._acts_alone:
            return Outcome.RAN_ALONE
        if name in (LISTEN, SESSION_START):
            return Outcome.LISTENED
        if UserUttered in kinds:
            return Outcome.MESSAGE_REPEATED
        self._has_reverted = UserUtteranceReverted in kinds
        return Outcome.ACTED

    def _append_all(self, events: Iterable[Event]) -> None:
        for event in events:
            self._append(event if event.timestamp is None else replace(event, timestamp=None))

    def _apologise(self) -> Activity[Outcome]:
        message = None
        try:
            if ACTION_FAILED in self._model.responses:
                message = yield from self._acting.message(ACTION_FAILED)
        except ActionError:
            log.warning("could not generate the response %r externally", ACTION_FAILED)
        self._append(bot_event(message or {"text": ACTION_FAILED_TEXT}, utter_action=ACTION_FAILED))
        self._append(ActionExecuted(name=LISTEN))
        for event in handoff.after_failure(self._tracker, self._env):
            self._append(event)
        return Outcome.LISTENED

    def _return(self) -> Activity[Outcome]:
        """Report that nobody took the conversation in time, and return it to the bot."""
        message = None
        try:
            if handoff.TIMEOUT in self._model.responses:
                message = yield from self._acting.message(handoff.TIMEOUT)
        except ActionError:
            log.warning("could not generate the response %r externally", handoff.TIMEOUT)
        self._add()
        self._append(bot_event(message or {"text": handoff.TIMEOUT_TEXT}, utter_action=handoff.TIMEOUT))
        if self._is_open():
            self._append(ActionExecuted(name=LISTEN))
        return Outcome.LISTENED

    def _add(self) -> Outcome:
        for event in self._given:
            self._append(event)
        if any(isinstance(event, OperatorLeft) for event in self._given):
            self._return_to_form()
        return Outcome.RECORDED

    def _return_to_form(self) -> None:
        """Let the active form wait for the answer to its question again, if the request for a person interrupted it.

        Without a person, the form would have run again after `action_human_handoff` and repeated its question.
        """
        loop = self._tracker.state.active_loop
        if loop is not None and loop.rejected and not self._tracker.is_handled:
            self._append(ActionExecuted(name=loop.name))
            self._append(ActionExecuted(name=LISTEN))

    # slots under validation ---------------------------------------------------------------------------------------

    def _hold(self) -> None:
        """Delay committing the slots that were just filled, because a form must validate them first."""
        count = 0
        for event in reversed(self._events[len(self._events) - self._just_filled :]):
            if not isinstance(event, SlotSet):
                break
            count += 1
        self._held = count
        self._acting.pending = (*self._events[len(self._events) - count :], *self._acting.pending)

    def _drop_held(self, form: str) -> None:
        """Revert the slots that a form could not validate. Keep the other slots."""
        if not self._held:
            return
        held = self._events[-self._held :]
        candidates = candidate_slots(self._model.domain.forms[form], self._tracker.requested_slot)
        self._tracker.retract(self._held, self._values_before)
        del self._events[-self._held :]
        self._held = 0
        for event in held:
            if isinstance(event, SlotSet) and event.name not in candidates:
                self._append(event)


_WORK: dict[State, Callable[[Turn], _Work]] = {
    State.OPENING: Turn._open,  # noqa: SLF001  # the table of this class's methods
    State.UNDERSTANDING: Turn._understand,  # noqa: SLF001
    State.FILLING: Turn._fill,  # noqa: SLF001
    State.PREDICTING: Turn._predict,  # noqa: SLF001
    State.ACTING: Turn._act,  # noqa: SLF001
    State.APOLOGISING: Turn._apologise,  # noqa: SLF001
    State.RETURNING: Turn._return,  # noqa: SLF001
    State.ADDING: Turn._add,  # noqa: SLF001
}
