"""A syntax error is reported at its line and does not hide other problems."""

from collections.abc import Callable
from pathlib import Path

import pytest

from manent.project.reading import validate_project
from manent.project.yaml.repair import Repair, repair

MakeProject = Callable[[dict[str, str]], Path]

DOMAIN = """version: "3.1"

intents:
  - greet
  - bye

entities:
  - city

slots:
  city:
    type: text
    mappings:
      - type: from_entity
        entity: city
  size:
    type: integer
    mappings: []

responses:
  utter_greet:
    - text: "Hello"
  utter_bye:
    - text: "Bye"
      image: "http://x/y.png"
"""
RULES = """version: "3.1"
rules:
  - rule: greet
    steps:
      - intent: greet
      - action: utter_greet
  - rule: bye
    steps:
      - intent: bye
      - action: utter_byee
"""
NLU = """version: "3.1"
nlu:
  - intent: greet
    examples: |
      - hi
  - intent: bye
    examples: |
      - bye
"""
FILES = {"domain.yml": DOMAIN, "data/rules.yml": RULES, "data/nlu.yml": NLU}
UNKNOWN_TYPE = "domain.yml:17 slots.unknown-type"
UNKNOWN_RESPONSE = "data/rules.yml:10 story.unknown-response"
"""Two mistakes that the files have anyway."""


@pytest.mark.parametrize(
    ("file", "old", "new", "mistake"),
    [
        ("domain.yml", "  utter_bye:", "  utter_bye", "domain.yml:23 yaml.colon"),
        ("domain.yml", '"Hello"', '"Hello', "domain.yml:22 yaml.quote"),
        ("domain.yml", "mappings: []", "mappings: [", "domain.yml:18 yaml.bracket"),
        ("domain.yml", "- city", "- city: {roles: [a", "domain.yml:8 yaml.bracket"),
        ("domain.yml", "    type: text", "\ttype: text", "domain.yml:12 yaml.tab"),
        ("domain.yml", "  city:\n", "   city:\n", "domain.yml:16 yaml.indentation"),
        (
            "data/rules.yml",
            "      - action: utter_greet",
            "       - action: utter_greet",
            "data/rules.yml:6 yaml.indentation",
        ),
        (
            "data/rules.yml",
            "      - action: utter_greet",
            "     - action: utter_greet",
            "data/rules.yml:6 yaml.indentation",
        ),
        ("data/rules.yml", "      - intent: greet", "\t\t- intent: greet", "data/rules.yml:5 yaml.tab"),
        ("data/nlu.yml", "      - hi", "- hi", "data/nlu.yml:5 yaml.indentation"),
    ],
)
def test_mended(file: str, old: str, new: str, mistake: str, make_project: MakeProject) -> None:
    """Mistakes that can be corrected are reported at their lines, with all other mistakes and no further errors."""
    assert old in FILES[file]
    root = make_project(FILES | {file: FILES[file].replace(old, new, 1)})

    found = [f"{p.file}:{p.line} {p.code}" for p in validate_project(root).problems if not p.warning]

    assert found == sorted([UNKNOWN_TYPE, UNKNOWN_RESPONSE, mistake], key=_sorting)


def _sorting(place: str) -> tuple[str, int]:
    file, _, rest = place.partition(":")
    return file, int(rest.split()[0])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Hello: you", "yaml.indentation"),
        ("@bye", "yaml.syntax"),
        ("`bye", "yaml.syntax"),
        ("*bye*", "yaml.syntax"),
        ('"C:\\dir"', "yaml.syntax"),
    ],
)
def test_taken_out(text: str, code: str, make_project: MakeProject) -> None:
    """If a line cannot be corrected, it is removed. Its entry has no other problems, and no name is called unknown."""
    root = make_project(FILES | {"domain.yml": DOMAIN.replace('"Hello"', text)})

    found = [f"{p.file}:{p.line} {p.code}" for p in validate_project(root).problems if not p.warning]

    assert found == [UNKNOWN_TYPE, f"domain.yml:22 {code}"]


def test_a_section_that_is_no_list(make_project: MakeProject) -> None:
    """Names of an unreadable section are not reported as unknown in other places."""
    root = make_project(FILES | {"domain.yml": DOMAIN.replace("  - greet", "  -greet")})

    found = [f"{p.file}:{p.line} {p.code}" for p in validate_project(root).problems if not p.warning]

    assert found == ["domain.yml:4 yaml.type", UNKNOWN_TYPE]


def test_what_is_lost() -> None:
    """A corrected line loses only itself, and a removed line its whole entry."""
    text = "slots:\n  a:\n    type: x\n  b:\n    type: @y\n  c:\n    type: z"

    def first_error(candidate: str) -> int | None:
        return 5 if "@" in candidate else None

    def mended(candidate: str) -> int | None:
        return None if "      type: @y" not in candidate and "\n  type: @y" in candidate else 5

    assert repair(text, 5, first_error) == Repair(text=text.replace("    type: @y", ""), lost=(4, 5), loses_names=True)
    assert repair(text, 5, mended) == Repair(text=text.replace("    type: @y", "  type: @y"), lost=(5, 5))
    assert repair(text, 99, first_error) is None
    assert repair(text, 5, lambda _: 5) is None
