"""RulePolicy: rules, default intents, the happy path of forms, and the core fallback (contract §5.4).

Rules are compiled (`rule_training.py`) into sequences of conditions on states, found by the previous action and the
intent of the newest state, so that a prediction looks at a handful of rules however many there are.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from manent.core.events import Event, LoopInterrupted
from manent.core.tracker import Tracker
from manent.dialogue.policies.prediction import Prediction
from manent.dialogue.states import LISTEN, DialogState, History, SlotFeatures

PRIORITY = 4
INTENT_ACTIONS = {"restart": "action_restart", "back": "action_back", "session_start": "action_session_start"}
"""Intents that every assistant answers with an action of its own."""


class RuleState(msgspec.Struct, frozen=True, array_like=True):
    """What a rule asks of one state. None and () ask nothing.

    Attributes:
        no_loop: no loop may be active.
        unset: slots that must not be set.
    """

    previous: str | None = None
    intent: str | None = None
    text: str | None = None
    entities: tuple[str, ...] = ()
    loop: str | None = None
    slots: SlotFeatures = ()
    no_loop: bool = False
    unset: tuple[str, ...] = ()

    def holds(self, state: DialogState) -> bool:
        """Whether a conversation's state is what the rule asks; further features don't matter."""
        return (
            (self.previous is None or self.previous == state.previous)
            and (self.intent is None or self.intent == state.intent)
            and (self.text is None or self.text == state.text)
            and (not self.entities or self.entities == state.entities)
            and (self.loop is None or self.loop == state.loop)
            and not (self.no_loop and state.loop is not None)
            and (not self.slots or all(each in state.slots for each in self.slots))
            and not (self.unset and any(name in self.unset for name, _ in state.slots))
        )


@dataclass(frozen=True, slots=True)
class RuleEntry:
    """After these states comes this action.

    Attributes:
        states: oldest first; the newest is the last.
        from_start: the states are the whole conversation.
        length: of two rules that hold, the longer one wins.
        names: the rules that say so.
        hidden: no story contains it.
    """

    states: tuple[RuleState, ...]
    action: str
    from_start: bool
    length: int
    names: tuple[str, ...]
    hidden: bool = False

    def holds(self, states: Sequence[DialogState], current: DialogState, *, whole: bool) -> bool:
        """Whether the conversation (past states and the current one) is where this entry speaks of."""
        if not self.states[-1].holds(current):
            return False
        before = len(self.states) - 1
        if before > len(states) or (self.from_start and (not whole or before != len(states))):
            return False
        for back in range(1, before + 1):  # noqa: SIM110 - `all` makes a generator, most often for one state
            if not self.states[-1 - back].holds(states[-back]):
                return False
        return True


@dataclass(frozen=True, slots=True)
class LoopEntry:
    """What training data shows inside a loop, off its happy path, after one or two states.

    Attributes:
        interrupted: the loop goes on after another question was answered, so it must not validate that answer.
            False: something else than the loop happens here.
    """

    states: tuple[RuleState, ...]
    interrupted: bool

    def holds(self, states: Sequence[DialogState], current: DialogState) -> bool:
        """Whether the conversation is where this entry speaks of."""
        if not self.states[-1].holds(current):
            return False
        return len(self.states) == 1 or (bool(states) and self.states[0].holds(states[-1]))


class Decision(msgspec.Struct, frozen=True):
    """What the rules say. A struct, because every step of a turn makes one.

    Attributes:
        source: the entry that says so, or (loop, action) on the happy path of a loop; None for the default intents.
    """

    action: str | None
    source: "RuleEntry | tuple[str, str] | None" = None
    is_no_user: bool = False
    is_text: bool = False
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOptions:
    """RulePolicy's options in `config.yml`, under their names there."""

    core_fallback_threshold: float = 0.3
    core_fallback_action_name: str = "action_default_fallback"
    enable_fallback_prediction: bool = True
    restrict_rules: bool = True
    check_for_contradictions: bool = True
    use_nlu_confidence_as_score: bool = False
    priority: int = PRIORITY


_NOTHING: tuple[RuleEntry, ...] = ()


class RulePolicy:
    """Predicts by rules. Immutable in use.

    Args:
        hidden_loops: (loop, action) on the happy paths of loops that no story contains.
    """

    name = "RulePolicy"
    yields = False  # a loop that goes on beats surer ones, and what interrupts it is recorded

    def __init__(
        self,
        options: RuleOptions,
        entries: Iterable[RuleEntry],
        loop_entries: Iterable[LoopEntry],
        *,
        hidden_loops: Iterable[tuple[str, str]] = (),
    ) -> None:
        self.options = options
        self.entries = tuple(entries)
        self.loop_entries = tuple(loop_entries)
        self.hidden_loops = frozenset(hidden_loops)
        self.priority = options.priority
        fallback = options.core_fallback_action_name if options.enable_fallback_prediction else None
        self._threshold = options.core_fallback_threshold if fallback is not None else 0.0
        self._fallback = fallback
        self._others = {fallback: self._threshold} if fallback is not None else {}
        self.history_needed = max((len(entry.states) for entry in self.entries), default=1) + 1
        index: dict[tuple[str | None, str | None], list[RuleEntry]] = {}
        texts: dict[str, list[RuleEntry]] = {}
        for entry in self.entries:
            last = entry.states[-1]
            if last.text is not None:
                texts.setdefault(last.text, []).append(entry)
            else:
                index.setdefault((last.previous, last.intent), []).append(entry)
        self._index = {key: _longest_first(found) for key, found in index.items()}
        self._texts = {key: _longest_first(found) for key, found in texts.items()}
        loops: dict[str, list[LoopEntry]] = {}
        for each in self.loop_entries:
            loops.setdefault(each.states[-1].loop or "", []).append(each)
        self._loops = {key: tuple(found) for key, found in loops.items()}

    def predict(self, tracker: Tracker, history: History) -> Prediction:
        """Predict by the first of: default intents, happy path of a form, rules; else the fallback action."""
        decision = self.decide(tracker, history)
        if decision.action is None:
            return Prediction(
                action=self._fallback,
                confidence=self._threshold,
                policy=self.name,
                priority=self.priority,
                events=decision.events,
            )
        confidence = 1.0
        if self.options.use_nlu_confidence_as_score and tracker.latest_action_name == LISTEN:
            confidence = nlu_confidence(tracker)
        return Prediction(
            action=decision.action,
            confidence=confidence,
            policy=self.name,
            priority=self.priority,
            others=self._others,
            is_no_user=decision.is_no_user,
            is_end_to_end=decision.is_text,
            hide_turn=self._is_hidden(decision),
            events=decision.events,
        )

    def _is_hidden(self, decision: Decision) -> bool:
        match decision.source:
            case None:
                return True
            case RuleEntry() as entry:
                return entry.hidden
            case happy_path:
                return happy_path in self.hidden_loops

    def decide(self, tracker: Tracker, history: History) -> Decision:
        """Say what the rules say, without the fallback."""
        after_listen = tracker.latest_action_name == LISTEN
        text_entry = self._text_entry(history) if after_listen and self._texts else None
        if after_listen and text_entry is None:
            message = tracker.state.latest_message
            action = INTENT_ACTIONS.get(message.intent or "") if message is not None else None
            if action is not None:
                return Decision(action)
        loop = tracker.state.active_loop
        if loop is not None and not loop.rejected:
            action = LISTEN if tracker.latest_action_name == loop.name else loop.name
            return Decision(action, (loop.name, action), is_no_user=True)
        return self._by_rules(tracker, history, text_entry)

    def _text_entry(self, history: History) -> RuleEntry | None:
        current = history.current(use_text=True)
        return _first(self._texts.get(current.text or "", _NOTHING), history, current)

    def _by_rules(self, tracker: Tracker, history: History, text_entry: RuleEntry | None) -> Decision:
        current = history.current(use_text=text_entry is not None)
        entry = text_entry
        if entry is None:
            entry = _first(self._index.get((current.previous, current.intent), _NOTHING), history, current)
            if current.intent is not None:
                general = _first(self._index.get((current.previous, None), _NOTHING), history, current)
                if entry is None or (general is not None and general.length > entry.length):
                    entry = general
        is_text = text_entry is not None
        loop = tracker.active_loop_name
        if loop is None:
            return Decision(entry.action, entry, is_text=is_text) if entry is not None else Decision(None)
        shown = {each.interrupted for each in self._loops.get(loop, ()) if each.holds(history.full, current)}
        if entry is not None and entry.action == LISTEN and entry.states[-1].loop is None:
            # A rule that knows nothing of the loop is at its end: the loop asks again, unless training data
            # shows that something else goes on here.
            if False in shown:
                return Decision(None)
            return Decision(loop, entry)
        events = (LoopInterrupted(is_loop_interrupted=True),) if True in shown else ()
        if entry is None:
            return Decision(None, events=events)
        return Decision(entry.action, entry, is_text=is_text, events=events)


def _longest_first(entries: list[RuleEntry]) -> tuple[RuleEntry, ...]:
    return tuple(sorted(entries, key=lambda entry: -entry.length))


def _first(entries: Sequence[RuleEntry], history: History, current: DialogState) -> RuleEntry | None:
    for entry in entries:
        if entry.holds(history.full, current, whole=history.whole):
            return entry
    return None


def nlu_confidence(tracker: Tracker) -> float:
    """How sure the NLU was of the latest message's intent."""
    message = tracker.state.latest_message
    intent = (message.parse_data.get("intent") or {}) if message is not None else {}
    confidence = intent.get("confidence")
    return float(confidence) if confidence is not None else 1.0
