"""RulePolicy: predicts from rules, default intents, the happy path of forms, and the core fallback (contract §5.4).

`rule_training.py` compiles rules into sequences of conditions on states. The sequences are indexed by the newest
state's previous action and intent, so a prediction checks only a few rules, even in a project with many rules.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Annotated

import msgspec
from msgspec.structs import replace

from manent.core.config_options import FLAG, TEXT, THRESHOLD, whole
from manent.core.events import Event, LoopInterrupted
from manent.core.tracker import Tracker
from manent.dialogue.policies.prediction import Prediction
from manent.dialogue.states import LISTEN, DialogState, History, SlotFeatures

PRIORITY = 4
INTENT_ACTIONS = {"restart": "action_restart", "back": "action_back", "session_start": "action_session_start"}
"""Intents that have a default action in every assistant."""


class RuleState(msgspec.Struct, frozen=True, array_like=True):
    """The conditions of a rule on one state. None and () stand for "no condition".

    Attributes:
        no_loop: whether the condition is that no loop is active.
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
        """Return whether a state of a conversation meets the conditions. Features without a condition are ignored."""
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
    """An action that follows certain states.

    Attributes:
        states: conditions on the states, oldest first.
        from_start: whether these states must be the whole conversation.
        length: a measure of the number of conditions. If several rules match, the longest one wins.
        names: the rules with this entry.
        hidden: whether no story contains it.
    """

    states: tuple[RuleState, ...]
    action: str
    from_start: bool
    length: int
    names: tuple[str, ...]
    hidden: bool = False

    def holds(self, states: Sequence[DialogState], current: DialogState, *, whole: bool) -> bool:
        """Return whether the conversation (past states and the current one) matches this entry."""
        if not self.states[-1].holds(current):
            return False
        before = len(self.states) - 1
        if before > len(states) or (self.from_start and (not whole or before != len(states))):
            return False
        for back in range(1, before + 1):  # noqa: SIM110  # `all` would create a generator, and usually there is only one state
            if not self.states[-1 - back].holds(states[-back]):
                return False
        return True


@dataclass(frozen=True, slots=True)
class LoopEntry:
    """The action that follows, in the training data, a message that does not answer the active loop's question.

    Attributes: states: the last one or two states before that action.
        interrupted: whether the loop continues after another question has interrupted it. If so, the loop must not
            validate the message. False: an action other than the loop follows.
    """

    states: tuple[RuleState, ...]
    interrupted: bool

    def holds(self, states: Sequence[DialogState], current: DialogState) -> bool:
        """Return whether the conversation matches this entry."""
        if not self.states[-1].holds(current):
            return False
        return len(self.states) == 1 or (bool(states) and self.states[0].holds(states[-1]))


class Decision(msgspec.Struct, frozen=True):
    """The decision of the rules.

    Attributes:
        prediction: their prediction. None: no rule matches.
        source: the matching entry, or (loop, action) on the happy path of a loop. None: a default intent.
        events: events to record even if no rule matches.
    """

    prediction: Prediction | None = None
    source: RuleEntry | tuple[str, str] | None = None
    events: tuple[Event, ...] = ()

    @property
    def action(self) -> str | None:
        """The action that the rules predict."""
        return self.prediction.action if self.prediction is not None else None

    @property
    def is_no_user(self) -> bool:
        """Whether the decision is independent of the user message."""
        return self.prediction is not None and self.prediction.is_no_user


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOptions:
    """The options of RulePolicy in `config.yml`, with the same names.

    Attributes:
        check_for_contradictions: whether training compares rules and stories. Without this comparison, training cannot
            find the turns that only rules contain, so it hides no turn from the policies that learn from stories.
    """

    core_fallback_threshold: Annotated[float, THRESHOLD] = 0.3
    core_fallback_action_name: Annotated[str, TEXT] = "action_default_fallback"
    enable_fallback_prediction: Annotated[bool, FLAG] = True
    restrict_rules: Annotated[bool, FLAG] = True
    check_for_contradictions: Annotated[bool, FLAG] = True
    use_nlu_confidence_as_score: Annotated[bool, FLAG] = False
    priority: Annotated[int, whole()] = PRIORITY


NOTHING = Decision()

_Ruled = tuple[RuleEntry, Decision]
"""An entry and its decision."""


class RulePolicy:
    """Predicts from rules. It does not change after training.

    Args:
        hidden_loops: (loop, action) on the happy paths of loops that no story contains.
    """

    name = "RulePolicy"
    yields = False  # a continuing loop outranks more confident predictions, and `loop_interrupted` is recorded

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
        self.history_needed = max((len(entry.states) for entry in self.entries), default=1) + 1
        self.priority = options.priority
        is_on = options.enable_fallback_prediction
        self._fallback = Prediction(
            action=options.core_fallback_action_name if is_on else None,
            confidence=options.core_fallback_threshold if is_on else 0.0,
            policy=self.name,
            priority=self.priority,
        )
        self._others = {options.core_fallback_action_name: options.core_fallback_threshold} if is_on else {}
        self._defaults = {
            intent: Decision(self._sure(action, hide_turn=options.check_for_contradictions))
            for intent, action in INTENT_ACTIONS.items()
        }
        ruled = [(entry, self._decision(entry)) for entry in self.entries]
        self._texts: dict[str | None, list[_Ruled]] = {}
        for entry, decision in ruled:
            text = entry.states[-1].text
            if text is not None:
                self._texts.setdefault(text, []).append((entry, decision))
        for texts in self._texts.values():
            texts.sort(key=_shortness)
        self._index = _index([each for each in ruled if each[0].states[-1].text is None])
        self._loops: dict[tuple[str | None, str | None, str | None], list[LoopEntry]] = {}
        for each in self.loop_entries:
            last = each.states[-1]
            self._loops.setdefault((last.loop, last.previous, last.intent), []).append(each)

    def _sure(
        self, action: str, *, no_user: bool = False, by_text: bool = False, hide_turn: bool = False
    ) -> Prediction:
        return Prediction(
            action=action,
            confidence=1.0,
            policy=self.name,
            priority=self.priority,
            others=self._others,
            is_no_user=no_user,
            is_end_to_end=by_text,
            hide_turn=hide_turn,
        )

    def _decision(self, entry: RuleEntry) -> Decision:
        by_text = entry.states[-1].text is not None
        return Decision(self._sure(entry.action, by_text=by_text, hide_turn=entry.hidden), entry)

    def predict(self, tracker: Tracker, history: History) -> Prediction:
        """Predict the next action.

        Default intents take precedence over the happy path of a form, the happy path over rules, and rules over the
        fallback action.
        """
        decision = self.decide(tracker, history)
        prediction = decision.prediction
        if prediction is None:
            return replace(self._fallback, events=decision.events) if decision.events else self._fallback
        if self.options.use_nlu_confidence_as_score and tracker.latest_action_name == LISTEN:
            return replace(prediction, confidence=nlu_confidence(tracker))
        return prediction

    def decide(self, tracker: Tracker, history: History) -> Decision:
        """Return the decision of the rules, without the fallback."""
        previous = tracker.latest_action_name
        by_text: Decision | None = None
        if self._texts and (previous == LISTEN or tracker.state.uses_text):
            by_text = self._by_text(history)
        if previous == LISTEN:
            message = tracker.state.latest_message
            if by_text is None and message is not None:
                default = self._defaults.get(message.intent or "")
                if default is not None:
                    return default
        loop = tracker.state.active_loop
        if loop is not None and not loop.rejected:
            happy = (loop.name, LISTEN if previous == loop.name else loop.name)
            return Decision(self._sure(happy[1], no_user=True, hide_turn=happy in self.hidden_loops), happy)
        decision = by_text or self._by_rules(history)
        return decision if loop is None else self._inside(loop.name, decision, history)

    def _by_text(self, history: History) -> Decision | None:
        current = history.current(use_text=True)
        return _first(self._texts.get(current.text or "", ()), history, current)

    def _by_rules(self, history: History) -> Decision:
        current = history.current(use_text=False)
        ruled = self._index.get((current.previous, current.intent)) or self._index.get((current.previous, None))
        return (_first(ruled, history, current) if ruled is not None else None) or NOTHING

    def _inside(self, loop: str, decision: Decision, history: History) -> Decision:
        """Return the decision of the rules after a loop has rejected a message."""
        entry = decision.source if isinstance(decision.source, RuleEntry) else None
        current = history.current(use_text=entry is not None and entry.states[-1].text is not None)
        shown = {
            each.interrupted
            for previous, intent in product((current.previous, None), (current.intent, None))
            for each in self._loops.get((loop, previous, intent), ())
            if each.holds(history.full, current)
        }
        if entry is not None and entry.action == LISTEN and entry.states[-1].loop is None:
            # A rule that does not mention this loop has ended. The loop repeats its question, unless the training data
            # contain another action here.
            return NOTHING if False in shown else Decision(self._sure(loop, hide_turn=entry.hidden), entry)
        if True not in shown:
            return decision
        events = (LoopInterrupted(is_loop_interrupted=True),)
        if decision.prediction is None:
            return Decision(events=events)
        return Decision(replace(decision.prediction, events=events), entry)


def _index(ruled: Sequence[_Ruled]) -> dict[tuple[str | None, str | None], list[_Ruled]]:
    """Group entries by the newest state's previous action and intent. Sort each group by length, longest first.

    Each intent's group also contains the entries without an intent.
    """
    index: dict[tuple[str | None, str | None], list[_Ruled]] = {}
    for each in ruled:
        last = each[0].states[-1]
        index.setdefault((last.previous, last.intent), []).append(each)
    for (previous, intent), found in index.items():
        if intent is not None:
            found.extend(index.get((previous, None), ()))
    for found in index.values():
        found.sort(key=_shortness)
    return index


def _shortness(ruled: _Ruled) -> int:
    return -ruled[0].length


def _first(ruled: Iterable[_Ruled], history: History, current: DialogState) -> Decision | None:
    for entry, decision in ruled:
        if entry.holds(history.full, current, whole=history.whole):
            return decision
    return None


def nlu_confidence(tracker: Tracker) -> float:
    """Return the confidence of the latest message's intent."""
    message = tracker.state.latest_message
    intent = (message.parse_data.get("intent") or {}) if message is not None else {}
    confidence = intent.get("confidence")
    return float(confidence) if confidence is not None else 1.0
