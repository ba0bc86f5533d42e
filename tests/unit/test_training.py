"""What is trained again after a change, and what is taken from the model that is there."""

import json
import re
from pathlib import Path

import pytest

from manent.cli.init import create_project
from manent.core.errors import ManentError, ProjectError
from manent.models.archive import find_model, read_model, write_model
from manent.server.loading import load_assistant
from manent.training import Trained, TrainingOptions, train

PLAIN = """
recipe: default.v1
assistant_id: plain
language: en
pipeline:
  - name: WhitespaceTokenizer
  - name: KeywordIntentClassifier
policies:
  - name: RulePolicy
  - name: MemoizationPolicy
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The template with a pipeline that trains in no time."""
    create_project(tmp_path)
    (tmp_path / "config.yml").write_text(PLAIN)
    return tmp_path


def edit(path: Path, old: str, new: str) -> None:
    """Replace a text that must be there."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def train_again(project: Path) -> Trained:
    """Train, as the command line does by default."""
    return train(TrainingOptions(root=project))


def models(project: Path) -> int:
    """Return how many models there are."""
    return len(list((project / "models").glob("*.tar.gz")))


def test_everything_at_first(project: Path) -> None:
    """The first training trains everything and writes a model that says what it is."""
    trained = train_again(project)

    assert trained.changed == ("nlu", "core", "domain")
    assert trained.path is not None
    files = read_model(trained.path)
    metadata = json.loads(files["metadata.json"])
    assert metadata["assistant_id"] == "plain"
    assert re.fullmatch(r"[0-9a-f]{32}", metadata["model_id"])
    assert {name.split("/")[0] for name in files} >= {"nlu", "dialogue", "domain.json", "config.json"}


def test_nothing_without_a_change(project: Path) -> None:
    """Training again gives the model that is there."""
    first = train_again(project)

    assert train_again(project).path == first.path
    assert models(project) == 1


def test_where_a_line_stands_is_no_change(project: Path) -> None:
    """An empty line or a comment changes nothing."""
    train_again(project)
    for name in ("data/nlu.yml", "data/stories.yml", "domain.yml"):
        path = project / name
        path.write_text("# a remark\n\n" + path.read_text())

    assert train_again(project).changed == ()


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        ("data/nlu.yml", "- howdy", "- salut", ("nlu",)),
        ("data/stories.yml", "- action: utter_hold_on", "- action: utter_goodbye", ("core",)),
        ("domain.yml", "Did that do you some good?", "Better?", ("domain",)),
        ("domain.yml", "session_expiration_time: 60", "session_expiration_time: 5", ("domain",)),
        ("config.yml", "  - name: MemoizationPolicy\n", "", ("core",)),
        ("config.yml", "language: en", "language: fr", ("nlu",)),
    ],
)
def test_what_changed_is_trained(project: Path, file: str, old: str, new: str, changed: tuple[str, ...]) -> None:
    """A change trains the part that depends on it; what it does not touch is taken over byte by byte."""
    before = read_model(find_model(train_again(project).path or project))
    edit(project / file, old, new)

    trained = train_again(project)

    assert trained.changed == changed
    assert trained.path is not None
    after = read_model(trained.path)
    for part, folder in (("nlu", "nlu/"), ("core", "dialogue/")):
        if part not in changed:
            assert {n: c for n, c in after.items() if n.startswith(folder)} == {
                n: c for n, c in before.items() if n.startswith(folder)
            }


def test_force(project: Path) -> None:
    """`force` trains what has not changed."""
    first = train_again(project)

    forced = train(TrainingOptions(root=project, force=True))

    assert forced.changed == ("nlu", "core", "domain")
    assert forced.path != first.path


def test_dry_run_writes_nothing(project: Path) -> None:
    """A dry run says what would be trained."""
    trained = train(TrainingOptions(root=project, dry_run=True))

    assert (trained.path, trained.changed) == (None, ("nlu", "core", "domain"))
    assert not (project / "models").exists()


def test_fixed_name(project: Path) -> None:
    """A fixed name is the file's name, and only that model counts as the old one."""
    train_again(project)

    trained = train(TrainingOptions(root=project, fixed_name="mine"))

    assert trained.path == project / "models/mine.tar.gz"
    assert train(TrainingOptions(root=project, fixed_name="mine.tar.gz")).changed == ()


def test_one_part(project: Path) -> None:
    """One part alone makes a model with a name that says so."""
    trained = train(TrainingOptions(root=project, parts=("nlu",)))

    assert trained.path is not None
    assert trained.path.name.startswith("nlu-")
    assert not [name for name in read_model(trained.path) if name.startswith("dialogue/")]


def test_a_model_that_cannot_be_read_is_no_model(project: Path) -> None:
    """A damaged newest model does not keep anyone from training."""
    (project / "models").mkdir()
    (project / "models/broken.tar.gz").write_bytes(b"no archive")

    assert train_again(project).changed == ("nlu", "core", "domain")


def test_nothing_of_another_format_is_taken_over(project: Path) -> None:
    """A model that an earlier version wrote is trained anew as a whole, whatever its pieces are; its id stays."""
    (project / "config.yml").write_text(PLAIN.replace("assistant_id: plain\n", ""))
    first = train_again(project)
    assert first.path is not None
    files = read_model(first.path)
    metadata = json.loads(files["metadata.json"])
    old = {name: b"of another shape" if "Keyword" in name else content for name, content in files.items()}
    old["metadata.json"] = json.dumps({**metadata, "format": metadata["format"] - 1, "fingerprints": {}}).encode()
    first.path.unlink()
    write_model(first.path, old)

    again = train_again(project)

    assert again.changed == ("nlu", "core", "domain")
    assert again.path is not None
    assert load_assistant(again.path, external_nlg=False).assistant_id == metadata["assistant_id"]
    assert b"of another shape" not in read_model(again.path).values()


def test_mistakes_write_nothing(project: Path) -> None:
    """A project with a mistake leaves no model behind."""
    edit(project / "data/rules.yml", "utter_rephrase", "utter_nothing_of_the_kind")

    with pytest.raises(ProjectError):
        train_again(project)
    assert not (project / "models").exists()


def test_assistant_id_is_kept_without_touching_the_configuration(project: Path) -> None:
    """Without an id in `config.yml` one is made, kept from model to model, and never written into the file."""
    edit(project / "config.yml", "assistant_id: plain\n", "")
    text = (project / "config.yml").read_text()

    ids = [json.loads(read_model(train(TrainingOptions(root=project, force=True)).path or project)["metadata.json"])]
    ids += [json.loads(read_model(train(TrainingOptions(root=project, force=True)).path or project)["metadata.json"])]

    assert ids[0]["assistant_id"] == ids[1]["assistant_id"] != ""
    assert (project / "config.yml").read_text() == text


def test_warnings_as_errors(project: Path) -> None:
    """What is suspicious is an error when asked for."""
    edit(project / "domain.yml", "  - deny\n", "  - deny\n  - never_heard_of\n")
    suspicious = train(TrainingOptions(root=project)).warnings
    assert suspicious

    with pytest.raises(ProjectError):
        train(TrainingOptions(root=project, fail_on_warnings=True))


def test_refused_examples_are_warnings(project: Path) -> None:
    """After training, examples that the project's own threshold refuses are warnings, and the model is written."""
    edit(
        project / "config.yml",
        "KeywordIntentClassifier",
        "DIETClassifier\n  - name: FallbackClassifier\n    threshold: 1.0",
    )
    trained = train_again(project)

    assert "nlu.example-below-threshold" in {warning.code for warning in trained.warnings}
    assert all(warning.warning for warning in trained.warnings)
    assert models(project) == 1


def test_without_examples_the_dialogue_alone(project: Path) -> None:
    """A project of rules and stories trains, is recognised as unchanged, and understands payloads."""
    (project / "data/nlu.yml").unlink()
    remarks: list[str] = []
    first = train(TrainingOptions(root=project), remarks.append)

    assert first.path is not None
    assert first.path.name.startswith("core-")
    assert "No NLU examples" in "".join(remarks)
    assert train_again(project).changed == ()
    assert load_assistant(first.path).pipeline.parse("/greet")["intent"]["name"] == "greet"
    with pytest.raises(ManentError, match="no NLU examples"):
        train(TrainingOptions(root=project, parts=("nlu",)))
