"""`manent test` and `manent test core`: what they play, what they write, what they exit with."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from manent.project.data.stories import read_test_stories

Manent = Callable[[str], tuple[int, str]]


@pytest.fixture
def trained(manent: Manent) -> Manent:
    """The commands, with a model."""
    assert manent("train")[0] == 0
    return manent


def test_core_takes_the_intents_as_written(trained: Manent, shop: Path) -> None:
    """Without --e2e no text is parsed: what is misunderstood goes unseen, a wrong action does not."""
    status, shown = trained("test core")

    assert status == 0
    assert "2 of 3" in shown
    assert "test_stories.yml:20  misunderstood: expected utter_greet, predicted" in shown
    report = msgspec.json.decode((shop / "results/story_report.json").read_bytes())
    assert report["conversation_accuracy"] == {"accuracy": 2 / 3, "correct": 2, "with_warnings": 0, "total": 3}
    assert "order" not in report
    assert report["fruit_form"]["f1-score"] == 1.0


def test_end_to_end_counts_intents_and_entities(trained: Manent, shop: Path) -> None:
    """With --e2e the report has intents and entities beside the actions."""
    assert trained("test core --e2e")[0] == 0

    report = msgspec.json.decode((shop / "results/story_report.json").read_bytes())
    assert report["[apple](fruit)"]["support"] == 1
    assert report["thank"]["recall"] == 0.5


def test_failed_stories_can_be_played_again(trained: Manent, shop: Path) -> None:
    """The file of failed stories says what was predicted, and is a file of test stories itself."""
    trained("test core --e2e --successes")

    failed = shop / "results/failed_test_stories.yml"
    assert "- intent: thank  # predicted: greet\n    user: |-\n      hello\n" in failed.read_text()
    assert [story.name for story in read_test_stories([failed]).stories] == ["misunderstood (tests/test_stories.yml)"]
    kept = read_test_stories([shop / "results/successful_test_stories.yml"])
    assert len(kept.stories) == 2
    assert (shop / "results/story_confusion_matrix.png").read_bytes().startswith(b"\x89PNG")
    assert (shop / "results/stories_with_warnings.yml").read_text().startswith("# None")


def test_failing_is_asked_for(trained: Manent, shop: Path) -> None:
    """--fail-on-prediction-errors makes a failed story the command's failure, after all reports are written."""
    assert trained("test --fail-on-prediction-errors --no-plot")[0] == 1
    written = {path.name for path in (shop / "results").iterdir()}

    assert {"story_report.json", "failed_test_stories.yml", "intent_report.json", "intent_errors.json"} <= written
    assert not [name for name in written if name.endswith(".png")]
    assert trained("test core --fail-on-prediction-errors --max-stories 2")[0] == 0


def test_models_are_compared(trained: Manent, shop: Path) -> None:
    """Several models are scored on the same stories, their reports in a folder each."""
    assert trained("train --fixed-model-name other --force")[0] == 0
    models = sorted((shop / "models").iterdir())
    status, shown = trained(f"test core -m {models[0]} {models[1]} --out both --no-errors")

    assert status == 0
    assert shown.count("2 of 3") == 2
    assert {path.name for path in (shop / "both/other").iterdir()} == {
        "story_report.json",
        "stories_with_warnings.yml",
        "story_confusion_matrix.png",
    }
    assert trained("test core -m models --evaluate-model-directory --out all")[1].count("2 of 3") == 2


def test_a_named_folder_is_read_completely(trained: Manent, shop: Path) -> None:
    """As in Rasa, `test core -s FOLDER` plays all stories of the folder, and with --e2e those in `test_….yml`."""
    greeting = "{intent: greet}, {action: utter_greet}"
    story = f"stories: [{{story: greet twice, steps: [{greeting}, {greeting}]}}]"
    (shop / "tests/other.yml").write_text(story)

    totals = []
    for options in ("-s tests", "-s tests --e2e", ""):
        assert trained(f"test core {options}")[0] == 0
        report = msgspec.json.decode((shop / "results/story_report.json").read_bytes())
        totals.append(report["conversation_accuracy"]["total"])
    assert totals == [4, 3, 3]


def test_without_stories(trained: Manent, shop: Path) -> None:
    """No test stories are no success: the command says what to write."""
    (shop / "tests/test_stories.yml").unlink()

    status, shown = trained("test core")

    assert status == 1
    assert shown.startswith("Error: no test stories found in .: ")
    assert "tests/test_stories.yml" in shown
    assert "1 of 1" in trained("test core -s data")[1]


def test_without_stories_the_understanding_is_scored(trained: Manent, shop: Path) -> None:
    """`test` goes on without test stories, unless they were asked for."""
    (shop / "tests/test_stories.yml").unlink()

    status, shown = trained("test --fail-on-prediction-errors --no-plot")
    assert status == 0
    assert "There are no test stories (tests/test_stories.yml), so only the NLU model is evaluated." in shown
    assert (shop / "results/intent_report.json").exists()
    assert not (shop / "results/story_report.json").exists()
    assert trained("test -s data/nlu.yml")[0] == 1


@pytest.mark.parametrize("command", ["test", "test core"])
def test_stories_that_are_not_there(command: str, trained: Manent) -> None:
    """A named file that doesn't exist is called by its name."""
    assert trained(f"{command} -s tests nope.yml") == (
        1,
        "Error: --stories: no file or folder nope.yml exists\n",
    )
