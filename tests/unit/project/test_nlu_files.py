"""NLU training data."""

import re
from collections.abc import Callable

import pytest

from manent.core.training_data import EntityMention, Example, Where
from manent.project.data.nlu import NluFiles, add_nlu_document, with_leading_flags
from manent.project.problems import Report, Spot

SpotOf = Callable[[str], Spot]


@pytest.fixture
def read(spot_of: SpotOf, report: Report) -> Callable[[str], NluFiles]:
    """Read a text as NLU data."""

    def read(text: str) -> NluFiles:
        data = NluFiles()
        add_nlu_document(data, spot_of(text).value, "file.yml", report)
        return data

    return read


Read = Callable[[str], NluFiles]


def test_examples_know_their_lines(read: Read, report: Report) -> None:
    """Examples in a block are stripped, and each has its line."""
    data = read("nlu:\n- intent: greet\n  examples: |\n    - hi\n\n    -   hello there  \n    - \n")

    assert not report.errors
    assert data.examples == [
        Example(text="hi", intent="greet", where=Where(file="file.yml", line=4)),
        Example(text="hello there", intent="greet", where=Where(file="file.yml", line=6)),
    ]


def test_listed_examples(read: Read, report: Report) -> None:
    """Examples in a list can have metadata, and the metadata of the intent is kept, too."""
    data = read(
        "nlu:\n- intent: greet\n  metadata: {mood: good}\n  examples:\n"
        "  - text: |\n      hi\n    metadata: {a: 1}\n  - text: hello\n  - plain\n"
    )

    assert not report.errors
    assert [(example.text, example.metadata, example.where.line) for example in data.examples] == [
        ("hi", {"intent": {"mood": "good"}, "example": {"a": 1}}, 6),
        ("hello", {"intent": {"mood": "good"}}, 8),
        ("plain", {"intent": {"mood": "good"}}, 9),
    ]


def test_annotations_make_synonyms(read: Read) -> None:
    """An entity whose value differs from its text becomes a synonym."""
    data = read(
        "nlu:\n- intent: inform\n  examples: |\n    - to [the Big Apple](city:New York)\n    - to [Rome](city)\n"
        '    - at [ten]{"entity": "time", "value": 10}\n'
    )

    assert data.examples[0].entities == (EntityMention(start=3, end=16, entity="city", value="New York"),)
    assert data.synonyms == {"the big apple": "New York", "ten": "10"}


def test_synonyms_regexes_lookups(read: Read, report: Report) -> None:
    """Synonyms, regular expressions and lookup tables are read."""
    data = read(
        "nlu:\n- synonym: New York\n  examples: |\n    - NYC\n    - Big Apple\n"
        "- regex: zip\n  examples: |\n    - \\d{5}\n    - [A-Z]\\d\n"
        "- lookup: city\n  examples: |\n    - Rome\n    - Paris\n"
    )

    assert not report.errors
    assert data.synonyms == {"nyc": "New York", "big apple": "New York"}
    assert data.regexes == [("zip", "\\d{5}"), ("zip", "[A-Z]\\d")]
    assert data.lookups == {"city": ["Rome", "Paris"]}


@pytest.mark.parametrize(
    ("text", "line", "code"),
    [
        ("- intent: a/b/c\n  examples: |\n    - x", 2, "nlu.intent-name"),
        ("- intent: a\n  examples: |\n    - x\n    - from [Rome]{city}", 5, "nlu.annotation"),
        ("- intents: a\n  examples: |\n    - x", 2, "nlu.item"),
        ("- intent: a\n  example: |\n    - x\n  examples: |\n    - y", 3, "nlu.unknown-key"),
        ("- intent: 5\n  examples: |\n    - x", 2, "yaml.type"),
        ("- intent: a\n  examples: {x: y}", 3, "nlu.examples"),
        ("- intent: a\n  examples:\n  - metadata: {}", 4, "nlu.example"),
        ("just text", 1, "yaml.type"),
    ],
)
def test_mistakes(text: str, line: int, code: str, read: Read, report: Report) -> None:
    """Each mistake is reported as one error at its line."""
    read(f"nlu:\n{text}\n" if text.startswith("-") else f"nlu: {text}\n")

    assert [(problem.line, problem.code) for problem in report.errors] == [(line, code)]


@pytest.mark.parametrize(
    ("text", "line", "code"),
    [
        ("- intent: a\n  examples: |\n    - x\n    y", 5, "nlu.example-line"),
        ("- regex: r\n  examples: |\n    - (unclosed", 4, "nlu.regex"),
        ("- intent: a\n  examples: |\n    - to [Rome] (city)", 4, "nlu.annotation-blank"),
        ("- intent: a\n  examples: |\n    - from [Rome](city", 4, "nlu.annotation-text"),
        ("- intent: a\n  examples:", 3, "nlu.no-examples"),
        ("- intent: a", 2, "nlu.no-examples"),
        ("- synonym: a\n  examples: |\n    - x\n- synonym: b\n  examples: |\n    - X", 7, "nlu.synonym-twice"),
    ],
)
def test_suspicious(text: str, line: int, code: str, read: Read, report: Report) -> None:
    """Values that are probably mistakes are warnings."""
    read(f"nlu:\n{text}\n")

    assert not report.errors
    assert [(problem.line, problem.code) for problem in report.warnings] == [(line, code)]


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        (r"\d+\s*(?i)km", r"(?i)\d+\s*km"),
        ("a(?i)b(?s).", "(?is)ab."),
        ("(?i)a", "(?i)a"),
        ("[(?i)]x", "[(?i)]x"),
        (r"\(?i\)", r"\(?i\)"),
        (r"\\(?i)x", r"(?i)\\x"),
        ("(?i:a)b", "(?i:a)b"),
    ],
)
def test_flags_inside_a_pattern(written: str, read_as: str) -> None:
    """Flags inside a pattern apply to the whole pattern, as in the Python versions that Rasa supports."""
    assert with_leading_flags(written) == read_as
    re.compile(read_as)
