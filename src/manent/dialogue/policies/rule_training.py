"""Trains RulePolicy.

Compiles rules to entries, and reports contradictions and incomplete rules with their lines (contract §5.4).
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from manent.core.domain import Domain
from manent.core.errors import Problem
from manent.core.events import ActionExecuted, ActionExecutionRejected, ActiveLoop, Event, Json, SlotSet, UserUttered
from manent.core.tracker import Tracker
from manent.core.training_data import Where
from manent.dialogue.custom_slots import Vector
from manent.dialogue.policies.rule import NOTHING, Decision, LoopEntry, RuleEntry, RuleOptions, RulePolicy, RuleState
from manent.dialogue.states import LISTEN, UNLIKELY, Featurizer, history_of, slot_vector
from manent.dialogue.stories import ANYTHING, Placed
from manent.dialogue.stories import Sequence as TrainingSequence

_Source = RuleEntry | tuple[str, str]
"""The source of a prediction: a rule's entry, or (loop, action) on the happy path of a loop."""


@dataclass(slots=True)
class _Step:
    """An action of a training sequence, with the states between the last `...` and the action."""

    states: tuple[RuleState, ...]
    action: str
    where: Where
    from_start: bool


class _RuleFold:
    """Turns a sequence of events into rule states.

    The states of a rule contain only the slots that the rule mentions. The states of a story also contain slots with an
    initial value.
    """

    def __init__(self, featurizer: Featurizer, *, is_rule: bool) -> None:
        self._featurizer = featurizer
        self.previous: str | None = None
        self.intent: str | None = None
        self.text: str | None = None
        self.entities: tuple[str, ...] = ()
        self.loop: str | None = None
        self.no_loop = False
        self.slots: dict[str, Vector] = {} if is_rule else _initial_slots(featurizer)

    def take(self, event: Event) -> None:
        match event:
            case UserUttered():
                self.intent = event.intent
                self.text = event.text if event.intent is None else None
                self.entities = self._featurizer.entities(event.intent, event.entities)
            case SlotSet():
                slot = self._featurizer.slots.get(event.name)
                if slot is not None:
                    self.slots[event.name] = slot_vector(slot, event.value)
            case ActiveLoop():
                self.loop = event.name
                self.no_loop = event.name is None
            case ActionExecuted():
                self.previous = event.name or event.action_text
            case _:
                pass

    def state(self) -> RuleState:
        return RuleState(
            self.previous,
            self.intent,
            self.text,
            self.entities,
            self.loop,
            tuple((name, self.slots[name]) for name in self._featurizer.slots if self.slots.get(name)),
            self.no_loop,
            tuple(name for name in self._featurizer.slots if name in self.slots and not self.slots[name]),
        )


def _initial_slots(featurizer: Featurizer) -> dict[str, Vector]:
    """Return the features of the slots with an initial value."""
    vectors = {name: slot_vector(slot, slot.initial_value) for name, slot in featurizer.slots.items()}
    return {name: vector for name, vector in vectors.items() if vector}


def _steps(featurizer: Featurizer, sequence: TrainingSequence) -> list[_Step]:
    fold = _RuleFold(featurizer, is_rule=sequence.is_rule)
    states: list[RuleState] = []
    steps: list[_Step] = []
    from_start = True
    for placed in sequence.placed:
        event = placed.event
        if isinstance(event, ActionExecuted):
            if event.name == ANYTHING and sequence.is_rule:
                if states and fold.previous != ANYTHING:
                    steps.append(_Step((*states, fold.state()), ANYTHING, placed.where, from_start))
                states, from_start = [], False
                fold.take(event)
                continue
            state = fold.state()
            if fold.previous != ANYTHING:
                states.append(state)
            if states:
                steps.append(_Step(tuple(states), event.name or event.action_text or "", placed.where, from_start))
        fold.take(event)
    return steps


def _state_json(state: RuleState) -> Json:
    """Return a state as JSON. As in Rasa, the length of this text stands for the number of conditions in the state."""
    whole: Json = {}
    user: Json = {}
    if state.intent is not None:
        user["intent"] = state.intent
    if state.text is not None:
        user["text"] = state.text
    if state.entities:
        user["entities"] = list(state.entities)
    if user:
        whole["user"] = user
    if state.previous is not None:
        whole["prev_action"] = {"action_name": state.previous}
    if state.slots or state.unset:
        whole["slots"] = {name: list(vector) for name, vector in state.slots}
        whole["slots"] |= dict.fromkeys(state.unset, "None")
    if state.loop is not None or state.no_loop:
        whole["active_loop"] = {"name": state.loop or "None"}
    return whole


def _length(states: Iterable[RuleState]) -> int:
    return len(json.dumps([_state_json(state) for state in states], sort_keys=True))


@dataclass(slots=True)
class RuleTraining:
    """The result of training the rules.

    Attributes:
        rule_only_slots: featurised slots that only rules use.
        rule_only_loops: loops that only rules use.
    """

    policy: RulePolicy
    problems: list[Problem] = field(default_factory=list)
    rule_only_slots: tuple[str, ...] = ()
    rule_only_loops: tuple[str, ...] = ()


def train_rules(
    domain: Domain,
    featurizer: Featurizer,
    options: RuleOptions,
    *,
    rules: Sequence[TrainingSequence],
    stories: Sequence[TrainingSequence],
) -> RuleTraining:
    """Compile rules and check them against each other and against the stories."""
    problems: list[Problem] = []
    is_checked = options.check_for_contradictions
    entries = _entries(featurizer, rules, drop_ambiguous=not is_checked)
    loop_entries = _loop_entries(featurizer, [*rules, *stories])
    policy = RulePolicy(options, entries, loop_entries)
    if not is_checked:
        # The comparison of rules and stories also finds the slots and loops that are used only by rules.
        return RuleTraining(policy=policy)
    problems += _incomplete(featurizer, rules)
    incomplete = {problem.path for problem in problems}
    in_rules: set[_Source] = {*entries, *((form, action) for form in domain.forms for action in (form, LISTEN))}
    in_stories: set[_Source] = set()
    checker = _Checker(domain, featurizer, policy, incomplete)
    for sequence in [*rules, *stories]:
        problems += checker.check(sequence, in_rules if sequence.is_rule else in_stories)
    hidden = in_rules - in_stories
    loops = _loops(featurizer, rules) - _loops(featurizer, stories)
    policy = RulePolicy(
        options,
        [replace(entry, hidden=entry in hidden) for entry in entries],
        loop_entries,
        hidden_loops=[each for each in hidden if not isinstance(each, RuleEntry)],
    )
    return RuleTraining(
        policy=policy,
        problems=problems,
        rule_only_slots=tuple(sorted(_slots(rules) - _slots(stories) - _initial_slots(featurizer).keys())),
        rule_only_loops=tuple(sorted(loops)),
    )


def _entries(featurizer: Featurizer, rules: Iterable[TrainingSequence], *, drop_ambiguous: bool) -> list[RuleEntry]:
    """Return the entries of the rules.

    If rules contradict each other, keep the first rule. With `drop_ambiguous`, drop all rules that contradict each
    other.
    """
    ambiguous: set[tuple[tuple[RuleState, ...], bool]] = set()
    found: dict[tuple[tuple[RuleState, ...], bool], tuple[str, list[str]]] = {}
    for rule in rules:
        for step in _steps(featurizer, rule):
            if step.action == ANYTHING or step.states[-1] == RuleState():
                continue
            key = (step.states, step.from_start)
            action, names = found.setdefault(key, (step.action, []))
            if action != step.action:
                ambiguous.add(key)
            elif rule.name not in names:
                names.append(rule.name)
    if drop_ambiguous:
        found = {key: each for key, each in found.items() if key not in ambiguous}
    return [
        RuleEntry(states, action, from_start, _length(states), tuple(names))
        for (states, from_start), (action, names) in found.items()
    ]


def _loop_entries(featurizer: Featurizer, sequences: Iterable[TrainingSequence]) -> list[LoopEntry]:
    found: dict[LoopEntry, None] = {}
    for sequence in sequences:
        for step in _steps(featurizer, sequence):
            last = step.states[-1]
            if last.loop is None or step.action == ANYTHING:
                continue
            states = step.states[-2:]
            if len(states) > 1:
                # Only the action of the previous state is compared, not its user message.
                states = (RuleState(previous=states[0].previous), last) if states[0].previous else (last,)
            if last.previous == LISTEN and step.action == last.loop:
                found[LoopEntry(states, True)] = None
            elif last.previous != LISTEN and step.action != last.loop:
                found[LoopEntry(states, False)] = None
    return list(found)


def _loops(featurizer: Featurizer, sequences: Iterable[TrainingSequence]) -> set[str]:
    """Return the loops that are active before at least one action.

    Exclude loops that end directly after they start.
    """
    return {
        step.states[-1].loop
        for sequence in sequences
        for step in _steps(featurizer, sequence)
        if step.states[-1].loop is not None
    }


def _slots(sequences: Iterable[TrainingSequence]) -> set[str]:
    return {each.event.name for sequence in sequences for each in sequence.placed if isinstance(each.event, SlotSet)}


# incomplete rules -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _RuleAction:
    """The slots and the loop that a rule sets directly after one of its actions.

    Attributes:
        sets: featurised slots that the rule sets after the action.
        sets_loop: whether the rule activates or ends a loop after the action.
        state: all conditions of the rule up to and including these slots and this loop.
        is_open: whether anything can follow the action, because it ends a rule with `wait_for_user_input: false`.
    """

    rule: str
    action: str
    where: Where
    sets: frozenset[str]
    sets_loop: bool
    state: RuleState
    is_open: bool


def _rule_actions(featurizer: Featurizer, rule: TrainingSequence) -> Iterator[_RuleAction]:
    fold = _RuleFold(featurizer, is_rule=True)
    action: Placed | None = None
    sets: set[str] = set()
    sets_loop = False
    for placed in rule.placed:
        match placed.event:
            case SlotSet(name=name) if name in featurizer.slots:
                sets.add(name)
            case ActiveLoop():
                sets_loop = True
            case ActionExecuted(name=following):
                if action is not None and fold.previous not in (None, ANYTHING, LISTEN):
                    yield _RuleAction(
                        rule.name,
                        fold.previous,
                        action.where,
                        frozenset(sets),
                        sets_loop,
                        fold.state(),
                        is_open=following == ANYTHING,
                    )
                action, sets, sets_loop = placed, set(), False
            case _:
                pass
        fold.take(placed.event)


def _incomplete(featurizer: Featurizer, rules: Sequence[TrainingSequence]) -> list[Problem]:
    """Find actions that two rules contain, where only one of the rules sets a slot or a loop afterwards.

    A slot with an initial value is already set, so a rule does not have to mention it. The last action of a rule with
    `wait_for_user_input: false` has no next action that the slot could affect, so the rule need not mention it, either.
    """
    initial = _initial_slots(featurizer).keys()
    actions = [each for rule in rules for each in _rule_actions(featurizer, rule)]
    slots: dict[str, set[str]] = {}
    for each in actions:
        slots.setdefault(each.action, set()).update(each.sets)
    with_loop = {each.action for each in actions if each.sets_loop}
    problems = []
    for each in actions:
        if each.is_open:
            continue
        mentioned = {name for name, _ in each.state.slots} | {*each.state.unset}
        missing = sorted(slots[each.action] - mentioned - initial)
        if each.action in with_loop and each.state.loop is None and not each.state.no_loop:
            missing.append("active_loop")
        problems += [
            Problem(
                file=each.where.file,
                line=each.where.line,
                path=_path(each.rule),
                code="rule.incomplete",
                found=f'nothing about "{name}" after "{each.action}"',
                expected=f'the slot or loop "{name}", which other rules set after this action',
                suggestion=f"Set {name} after this action, or set it to null. If the action is the rule's last one, "
                "`wait_for_user_input: false` is also possible",
            )
            for name in missing
        ]
    return problems


# contradictions -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Checker:
    """Plays rules and stories, and compares each action with the prediction of the rules.

    Attributes:
        incomplete: paths of the rules that are incomplete, as in `Problem.path`. Contradictions with these rules are
            not reported, because completing a rule can resolve them.
    """

    domain: Domain
    featurizer: Featurizer
    policy: RulePolicy
    incomplete: set[str]

    def check(self, sequence: TrainingSequence, used: set[_Source]) -> list[Problem]:
        """Return the actions that contradict a rule.

        For each other action, add the source of its prediction to `used`.
        """
        tracker = Tracker(sender_id="training", domain=self.domain)
        problems: list[Problem] = []
        is_free = True
        for placed in sequence.placed:
            event = placed.event
            if isinstance(event, ActionExecuted):
                action = event.name or event.action_text or ""
                if action == ANYTHING:
                    is_free = True
                elif is_free or action == UNLIKELY:
                    is_free = False
                else:
                    decision = self._decide(tracker, action, is_rule=sequence.is_rule)
                    if decision.action == action and decision.source is not None:
                        used.add(decision.source)
                    elif decision.action != action and self._contradicts(decision, sequence):
                        problems.append(_contradiction(sequence, placed.where, action, decision))
            tracker.update(event)
        return problems

    def _decide(self, tracker: Tracker, action: str, *, is_rule: bool) -> Decision:
        decision = self.policy.decide(tracker, history_of(tracker, self.featurizer))
        loop = tracker.state.active_loop
        if loop is not None and decision.is_no_user and action != decision.action:
            if action == loop.name:
                return NOTHING
            if is_rule and decision.action == LISTEN:
                return decision  # the bot listens after the loop has asked, but the rule has another action here
            # All other training data inside a loop contain the actions that follow after the loop has rejected a
            # message.
            tracker.update(ActionExecutionRejected(name=loop.name))
            decision = self.policy.decide(tracker, history_of(tracker, self.featurizer))
            if decision.action == loop.name:
                return NOTHING
        return decision

    def _contradicts(self, decision: Decision, sequence: TrainingSequence) -> bool:
        rules = decision.source.names if isinstance(decision.source, RuleEntry) else ()
        if sequence.is_rule:
            rules = (*rules, sequence.name)
        if any(_path(rule) in self.incomplete for rule in rules):
            return False
        if decision.action is None or (decision.is_no_user and not sequence.is_rule):
            return False
        return sequence.is_rule or decision.action != self.policy.options.core_fallback_action_name


def _path(rule: str) -> str:
    return f"rules.{rule}"


def _contradiction(sequence: TrainingSequence, where: Where, action: str, decision: Decision) -> Problem:
    source = decision.source
    reason = (
        "in rule " + " and ".join(f'"{name}"' for name in source.names)
        if isinstance(source, RuleEntry)
        else f'always in form "{source[0]}" here'
        if isinstance(source, tuple)
        else "always after this intent"
    )
    kind = "rule" if sequence.is_rule else "story"
    return Problem(
        file=where.file,
        line=where.line,
        path=_path(sequence.name) if sequence.is_rule else f"stories.{sequence.name}",
        code=f"{kind}.contradicts-rule",
        found=f'"{action}"',
        expected=f'"{decision.action}", as {reason}',
        suggestion=f"Change this {kind} or the rule, so that both have the same action",
    )
