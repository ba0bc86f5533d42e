"""YAML documents: scalars, lines, variables, and rejected documents."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from manent.project.problems import Report
from manent.project.reading import read_nlu
from manent.project.yaml.documents import (
    MAX_DEPTH,
    Broken,
    Map,
    parse_document,
    plain,
    read_document,
)
from manent.project.yaml.scalars import read_scalar


def codes(report: Report) -> list[tuple[int, str]]:
    """Return line and code of every error."""
    return [(problem.line, problem.code) for problem in report.errors]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("Off", "Off"),
        ("true", True),
        ("FALSE", False),
        ("tRue", "tRue"),
        ("~", None),
        ("null", None),
        ("", None),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("-7", -7),
        ("-0x1F", -31),
        ("0b101", 5),
        ("1_000", 1000),
        ("1_000.5", 1000.5),
        ("0x1_F", 31),
        ("_1", "_1"),
        ("1_a", "1_a"),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("-.inf", float("-inf")),
        ("1.2.3", "1.2.3"),
        ("12:30:45", "12:30:45"),
        ("2024-01-31", "2024-01-31"),
        ("+", "+"),
        ("9" * 30, float("9" * 30)),
    ],
)
def test_scalars(text: str, value: Any) -> None:
    """Plain scalars have the values that Rasa reads."""
    found = read_scalar(text)

    assert found == value
    assert type(found) is type(value)


def test_lines_of_everything(report: Report) -> None:
    """Keys, values and items have their lines. A block has the line where its content begins."""
    document = parse_document("a:\n  b: 1\n  c: |\n    text\nd:\n- x\n-\n  - y\n", "f.yml", report)

    assert plain(document) == {"a": {"b": 1, "c": "text\n"}, "d": ["x", ["y"]]}
    assert (document.key_lines, document.lines) == ({"a": 1, "d": 5}, {"a": 2, "d": 6})
    assert document["a"].lines == {"b": 2, "c": 4}
    assert document["d"].lines == [6, 8]


def test_escapes_in_ascii_files(report: Report) -> None:
    """In a file with only ASCII characters, plain and quoted texts can contain escape sequences."""
    assert plain(parse_document("a: caf\\u00e9 \\ud83d\\ude00", "f.yml", report)) == {"a": "café 😀"}


def test_no_escapes_in_other_files(report: Report) -> None:
    """In a file with other characters, plain texts keep their backslashes."""
    assert plain(parse_document("a: é \\u00e9", "f.yml", report)) == {"a": "é \\u00e9"}


def test_variables_in_plain_scalars_only(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    """`${VAR}` is expanded in plain scalars, also several times, and not in quoted ones."""
    monkeypatch.setenv("FOO", "one")
    monkeypatch.setenv("BAR", "2")
    text = "a: x-${FOO}-${BAR}\nb: '${FOO}'\nc: \"${FOO}\"\nd: |\n  ${FOO}\ne: $FOO\nf: ${BAR}\ng: http://${UNSET}/\n"

    document = plain(parse_document(text, "f.yml", report))

    assert document == {
        "a": "x-one-2",
        "b": "${FOO}",
        "c": "${FOO}",
        "d": "${FOO}\n",
        "e": "$FOO",
        "f": "2",
        "g": "http://${UNSET}/",
    }
    assert not report.errors


def test_unset_variable(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    """A word that begins with an unset variable is an error with the name of the variable."""
    monkeypatch.delenv("NOT_SET", raising=False)

    parse_document("a: 1\nb: token ${NOT_SET}\n", "f.yml", report)

    assert codes(report) == [(2, "yaml.unset-variable")]
    assert "NOT_SET" in report.errors[0].found


def test_duplicate_key(report: Report) -> None:
    """A duplicate key is an error at its second line, which names the first line. The first value is used."""
    document = parse_document("a:\n  b: 1\n  c: 2\n  b: 3\n", "f.yml", report)

    (problem,) = report.errors
    assert (problem.line, problem.path, problem.code) == (4, "a.b", "yaml.duplicate-key")
    assert "line 2" in problem.found
    assert plain(document) == {"a": {"b": 1, "c": 2}}


def test_anchors_and_merges(report: Report) -> None:
    """An alias repeats a value. `<<` merges a mapping, and the keys beside it take precedence."""
    text = "base: &base {x: 1, y: 2}\none:\n  <<: *base\n  y: 3\ntwo: *base\n"

    assert plain(parse_document(text, "f.yml", report)) == {
        "base": {"x": 1, "y": 2},
        "one": {"x": 1, "y": 3},
        "two": {"x": 1, "y": 2},
    }


def test_billion_laughs(report: Report) -> None:
    """Aliases that would expand to millions of values are rejected before they are expanded."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]

    with pytest.raises(Broken):
        parse_document("\n".join(lines), "f.yml", report)
    assert [problem.code for problem in report.errors] == ["yaml.too-large"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: &x\n  b: *x\n", "yaml.alias"),
        ("a: *nowhere\n", "yaml.alias"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "yaml.too-deep"),
        ("? [a, b]\n: c\n", "yaml.key"),
        ("a: 1\n---\nb: 2\n", "yaml.several-documents"),
        ("a: \x07\n", "yaml.character"),
    ],
)
def test_refused_documents(text: str, code: str, report: Report) -> None:
    """Features of YAML that no project needs are rejected with a reason."""
    with pytest.raises(Broken):
        parse_document(text, "f.yml", report)
    assert [problem.code for problem in report.errors] == [code]


@pytest.mark.parametrize("tag", ["!!python/object:os.system", "!!python/name:os.system", "!thing", "!!binary"])
def test_tags_construct_nothing(tag: str, report: Report) -> None:
    """A tag creates no Python object and is an error with a line."""
    document = parse_document(f"a: 1\nb: {tag} ls\n", "f.yml", report)

    assert codes(report) == [(2, "yaml.tag")]
    assert plain(document)["b"] == "ls"


def test_standard_tags(report: Report) -> None:
    """The standard tags of scalars convert the value."""
    assert plain(parse_document("a: !!str 5\nb: !!float 5\nc: !!int 5\n", "f.yml", report)) == {
        "a": "5",
        "b": 5.0,
        "c": 5,
    }
    assert not report.errors


def test_tab_is_located(report: Report) -> None:
    """A tab in the indentation is an error at its line, and the rest of the file is read."""
    document = parse_document("a:\n  b: 1\n\tc: 2\nd: 3\n", "f.yml", report)

    assert codes(report) == [(3, "yaml.tab")]
    assert plain(document)["d"] == 3


def test_indentation_is_located(report: Report) -> None:
    """A line with a wrong indentation is an error at its line, and the rest of the file is checked."""
    text = "a:\n  b: 1\n   c: 2\n  d: 3\ne:\n  f: 1\n  f: 2\n"

    document = parse_document(text, "f.yml", report)

    assert codes(report) == [(3, "yaml.indentation"), (7, "yaml.duplicate-key")]
    assert isinstance(document, Map)


def test_no_yaml_at_all(report: Report) -> None:
    """A file that is not YAML has one error, not one error per line."""
    with pytest.raises(Broken):
        parse_document("import os\n{}}\n\tdef f(): [\n  }{\n", "f.yml", report)
    assert len(report.errors) == 1


def test_not_utf8(tmp_path: Path, report: Report) -> None:
    """A file in another encoding is rejected with the line of the first invalid byte."""
    path = tmp_path / "f.yml"
    path.write_bytes(b"a: 1\nb: caf\xe9\n")

    with pytest.raises(Broken):
        read_document(path, report)
    assert codes(report) == [(2, "file.encoding")]


def test_byte_order_mark_and_crlf(tmp_path: Path, report: Report) -> None:
    """Files with a byte order mark and CRLF are read."""
    path = tmp_path / "f.yml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: |\r\n  - x\r\n  - y\r\n")

    assert plain(read_document(path, report)) == {"a": 1, "b": "- x\n- y\n"}


NLU = """version: "3.1"
nlu:
- intent: greet
  examples: |
    - hi
    - hello
- intent: bye
  examples: |
    - bye
    - so
"""


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85"])
def test_an_invisible_line_separator_is_a_blank(
    separator: str, make_project: Callable[[dict[str, str]], Path], findings: Callable[[Path], list[str]]
) -> None:
    """An invisible line separator is read as a space, with a warning that names the character and its line."""
    nlu = NLU.replace("- hello", f"- good{separator}day").replace("- bye\n", f"- bye{separator}\n")
    root = make_project({"data/nlu.yml": nlu})

    assert findings(root) == ["data/nlu.yml:6 yaml.line-separator?"]
    assert [example.text for example in read_nlu(root).examples] == ["hi", "good day", "bye", "so"]


@pytest.mark.parametrize("ending", ["\r\n", "\r"])
def test_every_line_ending_is_read(
    ending: str, make_project: Callable[[dict[str, str]], Path], findings: Callable[[Path], list[str]]
) -> None:
    """Files with CRLF or CR mean the same as files with LF."""
    root = make_project({})
    for path in [*root.glob("*.yml"), *root.glob("data/*.yml")]:
        path.write_bytes(path.read_text().replace("\n", ending).encode())

    assert findings(root) == []
    assert len(read_nlu(root).examples) == 4
