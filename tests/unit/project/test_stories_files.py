"""Stories, rules and test stories."""

from collections.abc import Callable
from pathlib import Path

import pytest

from manent.core.errors import ProjectError
from manent.core.training_data import (
    ActionStep,
    CheckpointStep,
    EntityMention,
    EntityStep,
    LoopStep,
    OrStep,
    SlotStep,
    Step,
    UserStep,
    Where,
)
from manent.project.data.stories import StoryFiles, add_stories_document, read_test_stories
from manent.project.problems import Report, Spot

SpotOf = Callable[[str], Spot]
Read = Callable[[str], StoryFiles]


@pytest.fixture
def read(spot_of: SpotOf, report: Report) -> Read:
    """Read a text as stories and rules."""

    def read(text: str) -> StoryFiles:
        data = StoryFiles()
        add_stories_document(data, spot_of(text).value, "file.yml", report)
        return data

    return read


def at(line: int) -> Where:
    """Return a place in the file."""
    return Where(file="file.yml", line=line)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("{intent: greet}", UserStep(intent="greet", where=at(4))),
        ("{intent: /greet}", UserStep(intent="greet", where=at(4))),
        (
            "{intent: i, entities: [a, {b: x}, {c: 1, role: r, group: g}]}",
            UserStep(
                intent="i",
                entities=(
                    EntityStep(entity="a"),
                    EntityStep(entity="b", value="x"),
                    EntityStep(entity="c", value=1, role="r", group="g"),
                ),
                where=at(4),
            ),
        ),
        (
            '{user: "to [Rome](city) "}',
            UserStep(
                text="to Rome",
                mentions=(EntityMention(start=3, end=7, entity="city", value="Rome"),),
                where=at(4),
            ),
        ),
        ("{action: utter_x}", ActionStep(name="utter_x", where=at(4))),
        ("{bot: Hello there}", ActionStep(text="Hello there", where=at(4))),
        ("{active_loop: f}", LoopStep(name="f", where=at(4))),
        ("{active_loop: null}", LoopStep(name=None, where=at(4))),
        ("{checkpoint: c}", CheckpointStep(name="c", where=at(4))),
        (
            "{checkpoint: c, slot_was_set: [{s: 1}]}",
            CheckpointStep(name="c", slots=(SlotStep(name="s", value=1, where=at(4)),), where=at(4)),
        ),
        ("{slot_was_set: [s]}", SlotStep(name="s", has_value=False, where=at(4))),
        ("{slot_was_set: [{s: null}]}", SlotStep(name="s", where=at(4))),
        ("{slot_was_set: {s: [1, 2]}}", SlotStep(name="s", value=[1, 2], where=at(4))),
        (
            "{or: [{intent: a}, {intent: b}]}",
            OrStep(alternatives=(UserStep(intent="a", where=at(4)), UserStep(intent="b", where=at(4))), where=at(4)),
        ),
        (
            "{or: [{slot_was_set: [{s: 1}]}, {slot_was_set: [{s: 2}]}]}",
            OrStep(
                alternatives=(
                    (SlotStep(name="s", value=1, where=at(4)),),
                    (SlotStep(name="s", value=2, where=at(4)),),
                ),
                where=at(4),
            ),
        ),
    ],
)
def test_steps(step: str, expected: Step, read: Read, report: Report) -> None:
    """Every type of step is read, with its line."""
    data = read(f"stories:\n- story: s\n  steps:\n  - {step}\n")

    assert not report.errors
    assert data.stories[0].steps == (expected,)


def test_several_slots_in_one_step(read: Read) -> None:
    """Each slot of a `slot_was_set` becomes a separate step."""
    data = read("stories:\n- story: s\n  steps:\n  - slot_was_set:\n    - a: 1\n    - b\n")

    assert data.stories[0].steps == (
        SlotStep(name="a", value=1, where=at(5)),
        SlotStep(name="b", has_value=False, where=at(6)),
    )


def test_rules(read: Read, report: Report) -> None:
    """Rules can have conditions, `conversation_start` and `wait_for_user_input`."""
    data = read(
        "rules:\n- rule: r\n  conversation_start: true\n  wait_for_user_input: false\n"
        "  condition:\n  - slot_was_set:\n    - s: true\n  - active_loop: f\n"
        "  steps:\n  - intent: a\n  - action: b\n"
    )

    (rule,) = data.rules
    assert not report.errors
    assert rule.conditions == (SlotStep(name="s", value=True, where=at(7)), LoopStep(name="f", where=at(8)))
    assert (rule.conversation_start, rule.wait_for_user_input) == (True, False)
    assert len(rule.steps) == 2


def test_rule_that_begins_with_three_dots(read: Read, report: Report) -> None:
    """As in Rasa, a rule can begin with the action `...`, which has no effect."""
    data = read("rules:\n- rule: r\n  steps:\n  - action: ...\n  - intent: a\n  - action: b\n")

    assert not report.errors
    assert data.rules[0].steps == (UserStep(intent="a", where=at(5)), ActionStep(name="b", where=at(6)))


def test_retrieval_intent_is_reduced(read: Read, report: Report) -> None:
    """Training stories contain only the retrieval intent, without the response key."""
    data = read("stories:\n- story: s\n  steps:\n  - intent: faq/ask\n")

    assert data.stories[0].steps == (UserStep(intent="faq", where=at(4)),)
    assert [problem.code for problem in report.warnings] == ["story.retrieval-intent"]


@pytest.mark.parametrize(
    ("text", "line", "code"),
    [
        ("stories:\n- story: s\n  step: []\n  steps:\n  - intent: a\n", 3, "story.unknown-key"),
        ("stories:\n- story: s\n  steps:\n  - actoin: x\n", 4, "story.step"),
        ("stories:\n- story: s\n  steps:\n  - greet\n", 4, "story.step"),
        ("stories:\n- story: s\n  steps:\n  - intent: a\n    action: x\n", 5, "story.step-key"),
        ("stories:\n- story: s\n  steps:\n  - intent: a\n    entities:\n    - {a: 1, b: 2}\n", 6, "story.entity"),
        ("stories:\n- story: s\n  steps:\n  - user: from [Rome]{city}\n", 4, "story.annotation"),
        ("stories:\n- story: s\n  steps:\n  - or:\n    - action: a\n", 5, "story.or"),
        ("rules:\n- rule: r\n  condition:\n  - intent: a\n  steps:\n  - action: b\n", 4, "rule.condition"),
        ("rules:\n- rule: r\n  conversation_start: yes\n  steps:\n  - action: b\n", 3, "yaml.type"),
        ("rules: {}\nstories: x\n", 1, "yaml.type"),
    ],
)
def test_mistakes(text: str, line: int, code: str, read: Read, report: Report) -> None:
    """Each mistake is reported as an error at its line."""
    read(text)

    assert (line, code) in [(problem.line, problem.code) for problem in report.errors]


@pytest.mark.parametrize(
    ("step", "hint"),
    [
        ("utter_greet", "Write `- action: utter_greet`"),
        ("greet", "Write `- action: greet`, or `- intent: greet`"),
        ("hello there", ""),
    ],
)
def test_a_step_without_a_key(step: str, hint: str, read: Read, report: Report) -> None:
    """A name without a key is an error with the correct form, reported once per type of step."""
    read(f"stories:\n- story: s\n  steps:\n  - {step}\n")

    (problem,) = report.errors
    assert problem.suggestion == hint
    assert problem.expected == ("a step, one of: intent, user, action, bot, checkpoint, slot_was_set, active_loop, or")


def test_test_stories(tmp_path: Path) -> None:
    """Stories in `test_*` files are test stories, with annotated texts and the expected intents."""
    (tmp_path / "test_one.yml").write_text(
        "stories:\n- story: s\n  steps:\n  - user: |\n      to [Rome](city)\n    intent: faq/ask\n"
        '  - user: |\n      /inform{"city": "[x](y)"}\n    intent: inform\n  - action: utter_x\n'
    )
    (tmp_path / "stories.yml").write_text("stories: broken")

    stories = read_test_stories([tmp_path], root=tmp_path).stories

    first, second, _ = stories[0].steps
    assert isinstance(first, UserStep)
    assert isinstance(second, UserStep)
    assert (first.text, first.intent, first.mentions[0].entity) == ("to Rome", "faq/ask", "city")
    assert (second.text, second.mentions) == ('/inform{"city": "[x](y)"}', ())


def test_mistakes_in_test_stories(tmp_path: Path) -> None:
    """The mistakes of all test stories are reported at once."""
    (tmp_path / "test_one.yml").write_text("stories:\n- story: s\n  steps:\n  - x: y\n")
    (tmp_path / "test_two.yml").write_text("stories: [\n")

    with pytest.raises(ProjectError) as caught:
        read_test_stories([tmp_path], root=tmp_path)
    assert [problem.file for problem in caught.value.problems] == ["test_one.yml", "test_two.yml"]


@pytest.mark.parametrize(
    ("text", "line", "code"),
    [
        ("stories:\n- story: s\n", 2, "story.no-steps"),
        ("stories:\n- steps:\n  - intent: a\n", 2, "story.name"),
        ("stories:\n- story:\n  steps:\n  - intent: a\n", 2, "story.name"),
        ("rules:\n- steps:\n  - intent: a\n", 2, "rule.name"),
        ("stories:\n- story: s\n  steps:\n  - action:\n", 4, "story.step"),
        ("stories:\n- story: s\n  steps:\n  - intent:\n", 4, "story.step"),
    ],
)
def test_incomplete_stories(text: str, line: int, code: str, read: Read, report: Report) -> None:
    """A missing name or step is a warning, as in Rasa, and the rest is read."""
    read(text)

    assert not report.errors
    assert [(problem.line, problem.code) for problem in report.warnings] == [(line, code)]
