"""Checks the names in stories and rules, and the structure of rules. Called by `checks`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from manent.core.training_data import (
    ActionStep,
    CheckpointStep,
    LoopStep,
    OrStep,
    Rule,
    SlotStep,
    Step,
    Stories,
    Story,
    UserStep,
    Where,
)
from manent.project.problems import Report, did_you_mean

_NULL_HINT = "In YAML, None is a string; write null for an empty slot"
_FIXED = {"restart": "action_restart", "back": "action_back", "session_start": "action_session_start"}
"""Intents that always trigger the same action."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryNames:
    """The names that stories may use.

    `actions` include `responses`. `categories` map categorical slots to their values.
    """

    intents: tuple[str, ...]
    entities: tuple[str, ...]
    slots: tuple[str, ...]
    actions: tuple[str, ...]
    responses: tuple[str, ...]
    loops: tuple[str, ...]
    categories: dict[str, tuple[str, ...]] = field(default_factory=dict)


def check_stories(
    stories: Stories, names: StoryNames, report: Report, *, are_rules_restricted: bool, needs_actions: bool
) -> set[str]:
    """Check all stories and rules.

    Args:
        stories: stories and rules.
        names: names of the domain.
        report: receives the problems.
        are_rules_restricted: whether a rule can have only one user turn (RulePolicy's `restrict_rules`).
        needs_actions: whether an unknown action in a story is an error, because a policy stores its index in the
            domain. If False, it causes a warning, as in Rasa. An unknown action in a rule is always an error.

    Returns:
        The intents and actions that stories and rules mention.
    """
    checker = _Checker(names, report)
    checker.needs_actions = needs_actions
    for story in stories.stories:
        checker.check(story.steps, f"stories.{story.name}")
    checker.needs_actions = True
    for rule in stories.rules:
        path = f"rules.{rule.name}"
        checker.check((*rule.conditions, *rule.steps), path)
        _check_rule(rule, path, report, is_restricted=are_rules_restricted)
    _check_checkpoints(stories.stories, report)
    return checker.used


class _Checker:
    """Looks up the names that stories use."""

    def __init__(self, names: StoryNames, report: Report) -> None:
        self.used: set[str] = set()
        self.needs_actions = True
        self._names = names
        self._report = report
        self._known = {
            key: frozenset(getattr(names, key)) for key in ("intents", "entities", "slots", "actions", "loops")
        }

    def check(self, steps: Iterable[Step], path: str) -> None:
        for step in steps:
            self._step(step, path)

    def _step(self, step: Step, path: str) -> None:
        match step:
            case UserStep():
                self._user(step, path)
            case ActionStep() if step.name is not None:
                self.used.add(step.name)
                self._action(step.name, step.where, path)
            case SlotStep():
                self._slot(step, path)
            case LoopStep() if step.name is not None:
                if step.name not in self._known["loops"]:
                    self._unknown(step.name, step.where, path, kind="form")
            case CheckpointStep():
                self.check(step.slots, path)
            case OrStep():
                for alternative in step.alternatives:
                    self.check((alternative,) if isinstance(alternative, UserStep) else alternative, path)
            case _:
                pass

    def _user(self, step: UserStep, path: str) -> None:
        if step.intent is not None:
            self.used.add(step.intent)
            if step.intent not in self._known["intents"]:
                self._unknown(step.intent, step.where, path, kind="intent")
        for name in dict.fromkeys([*(e.entity for e in step.entities), *(m.entity for m in step.mentions)]):
            if name not in self._known["entities"]:
                self._report.warn(
                    step.where.file,
                    step.where.line,
                    path,
                    "story.unknown-entity",
                    found=f'the entity "{name}"',
                    expected="an entity that is listed under `entities:` in the domain",
                    suggestion=did_you_mean(name, self._names.entities),
                )

    def _action(self, name: str, where: Where, path: str) -> None:
        if name in self._known["actions"]:
            if name.startswith("utter_") and name not in self._names.responses:
                self._report.warn(
                    where.file,
                    where.line,
                    path,
                    "story.no-response",
                    found=f'"{name}"',
                    expected="a response under `responses:`, or an action of that name on the action server",
                    suggestion=did_you_mean(name, self._names.responses),
                )
        elif name.startswith("utter_"):
            self._unknown(name, where, path, kind="response")
        else:
            self._unknown(name, where, path, kind="action")

    def _slot(self, step: SlotStep, path: str) -> None:
        if step.name not in self._known["slots"]:
            self._unknown(step.name, step.where, path, kind="slot")
            return
        values = self._names.categories.get(step.name)
        if values and step.has_value and step.value is not None and not isinstance(step.value, (dict, list)):
            text = str(step.value).lower()
            if text not in (*values, "__other__"):
                self._report.warn(
                    step.where.file,
                    step.where.line,
                    f"{path}.slot_was_set.{step.name}",
                    "story.slot-value",
                    found=f'"{step.value}"',
                    expected=f"one of the slot's values: {', '.join(values[:12])}",
                    suggestion=_NULL_HINT if text == "none" else did_you_mean(text, values),
                )

    def _unknown(self, name: str, where: Where, path: str, *, kind: str) -> None:
        section = f"{kind}s"
        known = self._names.loops if kind == "form" else getattr(self._names, section)
        if kind == "intent" or (kind != "slot" and not self.needs_actions):
            report, so = self._report.warn, "; nothing can trigger it" if kind == "intent" else "; it cannot run"
        else:
            report, so = self._report.error, ""
        report(
            where.file,
            where.line,
            path,
            f"story.unknown-{kind}",
            found=f'the {kind} "{name}"',
            expected=f"a name that is listed under `{section}:` in the domain{so}",
            suggestion=did_you_mean(name, known) or f'Add "{name}" to `{section}:` in the domain',
        )


def _check_rule(rule: Rule, path: str, report: Report, *, is_restricted: bool) -> None:
    turns = [step for step in rule.steps if _is_user_turn(step)]
    if is_restricted and len(turns) > 1:
        where = turns[1].where
        report.error(
            where.file,
            where.line,
            path,
            "rule.several-turns",
            found=f"a rule with {len(turns)} user turns",
            expected="one user turn per rule",
            suggestion="Rewrite it as a story, or split it into two rules",
        )
    for step in rule.steps:
        if isinstance(step, CheckpointStep):
            report.error(
                step.where.file,
                step.where.line,
                path,
                "rule.checkpoint",
                found=f'the checkpoint "{step.name}" in a rule',
                expected="checkpoints only in stories",
                suggestion="Rewrite it as a story",
            )
    for intent, action in _answers(rule):
        if intent in _FIXED and action.name != _FIXED[intent]:
            report.error(
                action.where.file,
                action.where.line,
                path,
                "rule.fixed-intent",
                found=f'"{action.name or action.text}" after the intent "{intent}"',
                expected=f"the action {_FIXED[intent]}, which this intent always triggers",
                suggestion=f"Use another intent, or list {_FIXED[intent]} under `actions:` and implement it",
            )


def _is_user_turn(step: Step) -> bool:
    return isinstance(step, UserStep) or (
        isinstance(step, OrStep) and any(isinstance(option, UserStep) for option in step.alternatives)
    )


def _answers(rule: Rule) -> Iterator[tuple[str, ActionStep]]:
    """Yield each intent in a rule, and the action that follows it."""
    waiting: list[str] = []
    for step in rule.steps:
        if isinstance(step, UserStep):
            waiting = [step.intent] if step.intent else []
        elif isinstance(step, OrStep):
            options = [option for option in step.alternatives if isinstance(option, UserStep)]
            waiting = [option.intent for option in options if option.intent] or waiting
        elif isinstance(step, ActionStep):
            yield from ((intent, step) for intent in waiting)
            waiting = []


def _check_checkpoints(stories: Iterable[Story], report: Report) -> None:
    """Warn about a checkpoint if no story ends with it, or no story starts with it."""
    begins: dict[str, CheckpointStep] = {}
    ends: dict[str, CheckpointStep] = {}
    for story in stories:
        for index, step in enumerate(story.steps):
            if isinstance(step, CheckpointStep):
                is_start = all(isinstance(earlier, CheckpointStep) for earlier in story.steps[:index])
                (begins if is_start else ends).setdefault(step.name, step)
    for name, step in begins.items():
        if name not in ends:
            _warn_checkpoint(step, "a story that ends with this checkpoint", ends, report)
    for name, step in ends.items():
        if name not in begins:
            _warn_checkpoint(step, "a story that starts with this checkpoint", begins, report)


def _warn_checkpoint(step: CheckpointStep, expected: str, others: Iterable[str], report: Report) -> None:
    report.warn(
        step.where.file,
        step.where.line,
        f"checkpoint.{step.name}",
        "story.checkpoint",
        found=f'the checkpoint "{step.name}"',
        expected=expected,
        suggestion=did_you_mean(step.name, others),
    )
