"""Training sequences: how many paths through checkpoints and alternatives are learned."""

import logging
from pathlib import Path

import pytest

from manent.core.events import UserUttered
from manent.dialogue import stories
from manent.dialogue.stories import Sequence, story_sequences
from unit.dialogue.talking import write_project

DOMAIN = """
intents: [a, b, c]
responses: {utter_a: [{text: a}], utter_b: [{text: b}], utter_c: [{text: c}]}
"""
PLAIN = "".join(
    f"  - {{story: {one}{other}, steps: [{{intent: {one}}}, {{action: utter_{other}}}]}}\n"
    for one in "abc"
    for other in "abc"
)


def sequences(root: Path, data: str) -> list[Sequence]:
    """Return the sequences of stories."""
    project = write_project(root, domain=DOMAIN, data=data)
    return story_sequences(project.domain, project.stories)


def intents(found: list[Sequence]) -> list[tuple[str | None, ...]]:
    """Return the intents of each sequence."""
    return [tuple(event.intent for event in each.events if isinstance(event, UserUttered)) for each in found]


def test_plain_stories_do_not_count_as_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Checkpoints are joined, however many stories without checkpoints exist."""
    monkeypatch.setattr(stories, "MAX_PATHS", 3)
    joined = """
  - {story: first, steps: [{intent: a}, {action: utter_a}, {checkpoint: there}]}
  - {story: second, steps: [{checkpoint: there}, {intent: b}, {action: utter_b}]}
"""
    found = sequences(tmp_path, f"stories:\n{PLAIN}{joined}")

    assert len(found) == 10
    assert ("a", "b") in intents(found)
    assert not caplog.records


def test_too_many_alternatives_are_drawn_evenly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If there are too many paths, a sample with every alternative in every place is learned, and logged."""
    monkeypatch.setattr(stories, "MAX_PATHS", 50)
    turn = "{or: [{intent: a}, {intent: b}, {intent: c}]}, {action: utter_a}"
    with caplog.at_level(logging.WARNING):
        found = intents(sequences(tmp_path, f"stories:\n  - {{story: s, steps: [{', '.join([turn] * 5)}]}}\n"))

    assert 30 < len(found) <= 50
    assert all({path[place] for path in found} == {"a", "b", "c"} for place in range(5))
    assert "243 paths; training uses only 50 of them" in caplog.text


def test_too_many_joined_paths_are_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Circles of checkpoints end, and short paths through every story come before long ones."""
    monkeypatch.setattr(stories, "MAX_PATHS", 30)
    circle = "".join(
        f"  - {{story: {name}, steps: [{{checkpoint: loop}}, {{intent: {name}}}, {{action: utter_{name}}},"
        f" {{checkpoint: loop}}]}}\n"
        for name in "abc"
    )
    ends = "  - {story: end, steps: [{checkpoint: loop}, {intent: a}, {action: utter_b}]}\n"
    start = "  - {story: start, steps: [{intent: a}, {action: utter_a}, {checkpoint: loop}]}\n"
    with caplog.at_level(logging.WARNING):
        found = intents(sequences(tmp_path, f"stories:\n{start}{circle}{ends}"))

    assert {("a", "a"), ("a", "a", "a"), ("a", "b", "a"), ("a", "c", "a")} <= set(found)
    assert "more than 30 paths" in caplog.text
