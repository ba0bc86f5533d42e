"""Problems: their wording, order and documentation."""

import re
from pathlib import Path

import pytest

from manent.core.errors import Problem, ProjectError
from manent.project.problems import Report, did_you_mean, one_of, quoted

ROOT = Path(__file__).parents[3]
SECTIONS = "yaml file domain intents entities slots responses forms actions session nlu story rule".split()  # noqa: SIM905
SECTIONS += ["config", "credentials", "endpoints"]


def test_every_code_is_documented() -> None:
    """docs/project-errors.md has every code in the source of the reader."""
    sources = "\n".join(path.read_text() for path in (ROOT / "src/manent/project").rglob("*.py"))
    codes = set(re.findall(rf'"((?:{"|".join(SECTIONS)})\.[a-z-]+)"', sources))
    files = {code for code in codes if code.endswith((".yml", ".yaml"))}
    documented = set(re.findall(r"\*+([a-z]+\.[a-z_-]+)\*+", (ROOT / "docs/project-errors.md").read_text()))

    assert len(codes) > 80
    assert codes - files - documented == set()


def test_suggestions() -> None:
    """The most similar name is suggested, a name with other case first, and no name that differs too much."""
    assert did_you_mean("Greet", ["great", "greet"]) == 'Did you mean "greet"?'
    assert did_you_mean("gret", ["bye", "greet"]) == 'Did you mean "greet"?'
    assert did_you_mean("weather", ["bye", "greet"]) == ""
    assert did_you_mean("bye", ["bye"]) == ""


def test_values_are_shown_short() -> None:
    """Values are quoted and shortened, and collections are described."""
    assert quoted("a") == '"a"'
    assert quoted(True) == '"true"'
    assert quoted(None) == "nothing"
    assert quoted([]) == "an empty list"
    assert quoted({"a": 1}) == "a mapping"
    assert len(quoted("x" * 500)) < 70
    assert one_of(["a", "b", "c"], 2) == "one of: a, b, …"


def test_a_problem_is_told_once(tmp_path: Path) -> None:
    """A repeated problem is reported once. Problems are sorted by file and line, and warnings are separate."""
    report = Report(tmp_path)
    for line in (5, 2, 5):
        report.error("b.yml", line, "x", "code", found="f", expected="e")
    report.error("a.yml", 9, "x", "code", found="f", expected="e")
    report.warn("a.yml", 1, "x", "code", found="f", expected="e")

    assert [(problem.file, problem.line) for problem in report.errors] == [("a.yml", 9), ("b.yml", 2), ("b.yml", 5)]
    assert [(problem.file, problem.line) for problem in report.warnings] == [("a.yml", 1)]


def test_cause_is_listed_before_its_consequences(tmp_path: Path) -> None:
    """A misspelt section of the domain is listed before the problems that it causes in other files."""
    report = Report(tmp_path)
    report.warn("data/nlu.yml", 7, "nlu", "nlu.unknown-intent", found="f", expected="e")
    report.warn("domain.yml", 4, "itents", "domain.unknown-key", found="f", expected="e", suggestion="s")

    assert [problem.file for problem in report.warnings] == ["domain.yml", "data/nlu.yml"]


def test_errors_contain_their_cause(tmp_path: Path) -> None:
    """A misspelt section is part of the exception, because it is usually the cause of the errors."""
    report = Report(tmp_path)
    report.error("data/rules.yml", 7, "rules", "story.unknown-response", found="f", expected="e")
    report.warn("domain.yml", 4, "respones", "domain.unknown-key", found="f", expected="e", suggestion="s")
    report.warn("domain.yml", 5, "colour", "domain.unknown-key", found="f", expected="e")

    with pytest.raises(ProjectError) as caught:
        report.raise_errors()
    assert [(problem.file, problem.path) for problem in caught.value.problems] == [
        ("domain.yml", "respones"),
        ("data/rules.yml", "rules"),
    ]


def test_noise_of_a_broken_entry(tmp_path: Path) -> None:
    """If a line of an entry was removed, only its syntax error is reported."""
    report = Report(tmp_path)
    report.lose("a.yml", (3, 6), names=True)
    for line, code in ((2, "slots.no-type"), (4, "slots.no-type"), (5, "yaml.indentation")):
        report.error("a.yml", line, "x", code, found="f", expected="e")

    assert [(problem.line, problem.code) for problem in report.errors] == [
        (2, "slots.no-type"),
        (5, "yaml.indentation"),
    ]


def test_names_of_files(tmp_path: Path) -> None:
    """Paths of files inside the project are relative to the project."""
    report = Report(tmp_path)

    assert report.name_of(tmp_path / "data/nlu.yml") == "data/nlu.yml"
    assert report.name_of(Path("/elsewhere/x.yml")) == "/elsewhere/x.yml"


def test_a_message() -> None:
    """A problem without a path or suggestion has no empty lines."""
    problem = Problem(file="a.yml", line=3, path="", code="yaml.tab", found="a tab", expected="spaces")

    assert str(problem) == "a.yml:3  [yaml.tab]\n  found a tab; expected spaces"


@pytest.mark.parametrize(
    ("word", "known"),
    [
        ("booking_form", "inform"),
        ("action_fallback", "action_back"),
        ("utter_hours", "utter_prices"),
        ("action_submit_order", "action_restart"),
        ("my_bot.nlu.DIETClassifier", "DIETClassifier"),
        ("validate_order_form", "validate_booking_form"),
        ("rest", "test_intent"),
        ("goodbye", "greet"),
    ],
)
def test_names_that_only_look_alike_are_not_suggested(word: str, known: str) -> None:
    """A name that only shares a prefix, an ending or a part is not suggested."""
    assert did_you_mean(word, [known]) == ""


@pytest.mark.parametrize(
    ("word", "known"),
    [
        ("utter_great", "utter_greet"),
        ("action_retsart", "action_restart"),
        ("bookng_form", "booking_form"),
        ("fruits", "fruit"),
        ("story", "stories"),
        ("socket_io", "socketio"),
        ("DietClassifier", "DIETClassifier"),
        ("RulesPolicy", "RulePolicy"),
        ("boolean", "bool"),
        ("nlu_treshold", "nlu_threshold"),
    ],
)
def test_misspelt_names_are_suggested(word: str, known: str) -> None:
    """A name is suggested if one letter is added, missing or moved."""
    assert did_you_mean(word, ["something", known, "else"]) == f'Did you mean "{known}"?'
