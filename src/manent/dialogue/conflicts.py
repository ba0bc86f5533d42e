"""Finds contradictions between stories and rules without training anything, for `manent data validate`."""

from collections.abc import Iterable

from manent.core.domain import Domain
from manent.core.errors import Problem
from manent.core.events import ActionExecuted
from manent.core.tracker import Tracker
from manent.core.training_data import AssistantConfig, Stories, Where
from manent.dialogue.model import compile_rules
from manent.dialogue.states import UNLIKELY, DialogState, Featurizer, history_of
from manent.dialogue.stories import Sequence, rule_sequences, story_sequences


def find_conflicts(
    config: AssistantConfig, domain: Domain, stories: Stories, *, max_history: int | None = None
) -> list[Problem]:
    """Find contradictions.

    Args:
        config: its `RulePolicy` options decide how rules are checked.
        domain: the assistant's domain.
        stories: the stories and rules.
        max_history: the number of newest states that a policy sees. Two stories contradict each other if these states
            are equal and their next actions differ. None: a policy sees all states.

    Returns:
        The errors, then the warnings. Errors are contradictions between rules, or between a rule and a story. They
        prevent training. Warnings are about stories that begin equally but continue differently, because a policy can
        follow only one such story.
    """
    sequences = story_sequences(domain, stories)
    problems = compile_rules(config, domain, rules=rule_sequences(domain, stories.rules), stories=sequences).problems
    return [*problems, *_story_conflicts(domain, sequences, max_history)]


def _story_conflicts(domain: Domain, stories: Iterable[Sequence], max_history: int | None) -> list[Problem]:
    featurizer = Featurizer(domain)
    first: dict[tuple[DialogState, ...], tuple[str, str, Where]] = {}
    problems: dict[Problem, None] = {}
    for story in stories:
        for states, action, where in _steps(domain, featurizer, story):
            key = states if max_history is None else states[-max_history:]
            before = first.setdefault(key, (action, story.name, where))
            if before[0] != action:
                problems[_conflict(story.name, action, where, before)] = None
    return list(problems)


def _steps(
    domain: Domain, featurizer: Featurizer, story: Sequence
) -> Iterable[tuple[tuple[DialogState, ...], str, Where]]:
    """Yield each of a story's actions with the states before it, the newest last.

    Skip the first action, because no policy predicts the action that begins a story.
    """
    tracker = Tracker(sender_id="training", domain=domain)
    for placed in story.placed:
        event = placed.event
        if isinstance(event, ActionExecuted) and event.name != UNLIKELY:
            name = event.name or event.action_text or ""
            # When a form runs again, the policies no longer see the turn that answered it.
            if tracker.latest_action_name is not None and name != tracker.active_loop_name:
                yield tuple(history_of(tracker, featurizer).shown()), name, placed.where
        tracker.update(event)


def _conflict(story: str, action: str, where: Where, before: tuple[str, str, Where]) -> Problem:
    other, other_story, other_where = before
    return Problem(
        file=where.file,
        line=where.line,
        path=f"stories.{story}",
        code="story.contradicts-story",
        found=f'"{action}"',
        expected=f'"{other}", which follows the same steps in the story "{other_story}" '
        f"({other_where.file}:{other_where.line})",
        suggestion="Use the same action in both stories, or give them different intents, entities or slots before it",
        warning=True,
    )
