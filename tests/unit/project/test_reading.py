"""Reading whole projects: all problems are reported at once."""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from manent.core.errors import ProjectError
from manent.project.reading import read_project

MakeProject = Callable[[dict[str, str]], Path]
CONFORMANCE = Path(__file__).parents[4] / "shared/conformance"

MISTAKES = {
    "domain.yml": """version: "3.1"

intents:
  - greet
  - bye

entities:
  - city

slots:
  party_size:
    type: integer
    mappings:
      - type: from_text
  city:
    type: text
    mappings:
      - type: from_entitty
        entity: city
  ready:
    type: bool
    mappings:
\t  - type: custom

responses:
  utter_greet:
    - text: ${MISSING_VARIABLE} you
  utter_twice:
    - text: a
  utter_twice:
    - text: b
   utter_indent:
    - text: c

forms:
  my_form:
    ignored_intents: bye
""",
    "data/nlu.yml": """version: "3.1"
nlu:
  - intent: greet
    examples: |
      - hi
      - from [Rome]{city}
  - intent: bye
    examples: |
      - bye
""",
    "data/rules.yml": """version: "3.1"
stories:
  - story: a
    steps:
      - actoin: utter_x
      - action: utter_greet
  - story: b
    steps:
      - intent: greet
      - action: utter_gone
""",
}
"""Ten mistakes, seven of them in one file."""


def test_ten_mistakes_ten_messages(make_project: MakeProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """One reading reports all ten mistakes, each with its line and a suggestion."""
    monkeypatch.delenv("MISSING_VARIABLE", raising=False)

    with pytest.raises(ProjectError) as caught:
        read_project(make_project(MISTAKES))

    assert [(problem.file, problem.line, problem.code) for problem in caught.value.problems] == [
        ("data/nlu.yml", 6, "nlu.annotation"),
        ("data/rules.yml", 5, "story.step"),
        ("data/rules.yml", 10, "story.unknown-response"),
        ("domain.yml", 12, "slots.unknown-type"),
        ("domain.yml", 18, "slots.mapping-type"),
        ("domain.yml", 23, "yaml.tab"),
        ("domain.yml", 27, "yaml.unset-variable"),
        ("domain.yml", 30, "yaml.duplicate-key"),
        ("domain.yml", 32, "yaml.indentation"),
        ("domain.yml", 36, "forms.no-slots"),
    ]
    assert all(problem.found and problem.expected and problem.suggestion for problem in caught.value.problems)


def test_message_of_a_mistake(make_project: MakeProject) -> None:
    """A message contains the place, the value that was found, the expected value and a suggestion."""
    domain = 'version: "3.1"\nslots:\n  party_size:\n    type: integer\n    mappings: []\n'

    with pytest.raises(ProjectError) as caught:
        read_project(make_project({"domain.yml": domain, "data/rules.yml": ""}))

    assert str(caught.value) == (
        "domain.yml:4  slots.party_size.type  [slots.unknown-type]\n"
        '  found "integer"; expected one of: any, bool, categorical, float, list, text\n'
        '  Did you mean "float"?'
    )


def test_project(make_project: MakeProject) -> None:
    """A project is read with its warnings, and its files do not change."""
    root = make_project({"domain.yml": "intents: [greet, bye, never]\nactions: [utter_greet, utter_bye]\n"})
    before = {path: path.read_bytes() for path in root.rglob("*.yml")}

    project = read_project(root)

    assert len(project.nlu.examples) == 4
    assert len(project.stories.rules) == 2
    assert project.config.assistant_id == "sample"
    assert {problem.code for problem in project.warnings} >= {"intents.unused", "story.no-response"}
    assert {path: path.read_bytes() for path in root.rglob("*.yml")} == before


def test_everything_is_plain_data(make_project: MakeProject) -> None:
    """The result can be written as JSON and contains no objects of the YAML parser."""
    project = read_project(make_project({}))

    encoded = msgspec.json.encode([project.domain, project.nlu, project.stories, project.config])
    assert b"utter_greet" in encoded
    assert type(project.domain.original["responses"]["utter_greet"][0]) is dict


def test_files_of_all_kinds_in_one(make_project: MakeProject) -> None:
    """Domain folders, files of several kinds, test files in `data/` and paths as arguments are read."""
    root = make_project({"domain.yml": ""})
    (root / "domain.yml").unlink()
    (root / "parts/one").mkdir(parents=True)
    (root / "parts/one/a.yml").write_text("intents: [greet]\n")
    (root / "parts/b.yml").write_text("intents: [bye]\nresponses: {utter_greet: [{text: a}], utter_bye: [{text: b}]}\n")
    (root / "data/rules.yml").rename(root / "test_rules.yml")
    (root / "both.yml").write_text(
        "nlu:\n- intent: faq/what\n  examples: |\n    - what\nresponses:\n  utter_faq/what:\n  - text: that\n"
        "stories:\n- story: s\n  steps:\n  - intent: greet\n  - bot: Well met\n"
    )

    project = read_project(
        root,
        domain=Path("parts"),
        data=[Path("data"), Path("both.yml"), Path("test_rules.yml")],
        config=Path("config.yml"),
    )

    assert [rule.name for rule in project.stories.rules] == ["greet", "bye"]
    assert "faq/what" in {example.intent for example in project.nlu.examples}
    assert project.nlu.responses == {"utter_faq/what": [{"text": "that"}]}
    assert project.domain.responses["utter_faq/what"][0].text == "that"
    assert project.domain.e2e_actions == ("Well met",)
    assert project.domain.original["e2e_actions"] == ["Well met"]


def test_retrieval_intents(make_project: MakeProject) -> None:
    """An intent is a retrieval intent if its examples have a response key."""
    nlu = "nlu:\n- intent: bye/now\n  examples: |\n    - now\n- intent: greet\n  examples: |\n    - hi\n"
    domain = "intents: [greet, bye]\nresponses:\n  utter_greet: [{text: hi}]\n  utter_bye/now: [{text: bye}]\n"

    project = read_project(make_project({"data/nlu.yml": nlu, "domain.yml": domain}))

    assert project.domain.intents["bye"].is_retrieval
    assert "utter_bye" in project.domain.action_names
    assert project.domain.original["intents"] == [{"bye": {"is_retrieval_intent": True}}, "greet"]
    assert project.nlu.responses == {"utter_bye/now": [{"text": "bye"}]}
    assert project.warnings == ()


def test_texts_of_stories_are_examples(make_project: MakeProject) -> None:
    """A user turn with a text and an intent is also an NLU example, in stories, rules and alternatives."""
    stories = """stories:
- story: one
  steps:
  - {user: "see you, [Kimmy](name:Kim)", intent: bye}
  - action: utter_greet
  - or:
    - {user: hi there, intent: greet}
    - {user: and me, intent: bye}
  - {user: only a text}
  - {user: /bye, intent: bye}
  - {user: hi there, intent: greet}
rules:
- rule: two
  steps:
  - {user: in a rule, intent: bye}
  - action: utter_greet
"""
    domain = "intents: [greet, bye]\nentities: [name]\nresponses:\n  utter_greet: [{text: hi}]\n"
    root = make_project({"data/test_stories.yml": stories, "domain.yml": domain})
    (root / "data/rules.yml").unlink()

    nlu = read_project(root).nlu

    found = [(each.text, each.intent) for each in nlu.examples if each.where.file == "data/test_stories.yml"]
    assert found == [("see you, Kimmy", "bye"), ("hi there", "greet"), ("and me", "bye"), ("in a rule", "bye")]
    assert nlu.synonyms["kimmy"] == "Kim"


def test_newer_data_is_skipped(make_project: MakeProject) -> None:
    """Training data of a newer format is skipped with a warning."""
    project = read_project(make_project({"data/new.yml": 'version: "4.0"\nnlu:\n- anything: else\n'}))

    assert len(project.nlu.examples) == 4
    assert [problem.code for problem in project.warnings] == ["file.newer-version"]


@pytest.mark.parametrize(("missing", "code"), [("domain.yml", "domain.missing"), ("data", "data.missing")])
def test_missing_files(missing: str, code: str, make_project: MakeProject) -> None:
    """A project must have a domain and data."""
    root = make_project({})
    (root / missing).rename(root / "elsewhere")

    with pytest.raises(ProjectError) as caught:
        read_project(root)
    assert [(problem.file, problem.code) for problem in caught.value.problems] == [(missing, code)]


def test_imported_projects(make_project: MakeProject) -> None:
    """Projects that the configuration imports are read, also indirect imports, each once."""
    root = make_project(
        {
            "config.yml": "assistant_id: a\nimporters:\n- name: MultiProjectImporter\nimports:\n- skills/one\n",
            "skills/one/config.yml": "imports:\n- ../two\n- ../one\n",
            "skills/one/domain.yml": "intents: [help]\nresponses:\n  utter_help: [{text: h}]\n",
            "skills/one/data/nlu.yml": "nlu:\n- intent: help\n  examples: |\n    - help\n",
            "skills/two/domain.yml": "intents: [thank]\nresponses:\n  utter_thank: [{text: t}]\n",
            "skills/two/data/all.yml": "nlu:\n- intent: thank\n  examples: |\n    - thanks\n"
            "rules:\n- rule: t\n  steps:\n  - intent: thank\n  - action: utter_thank\n"
            "- rule: h\n  steps:\n  - intent: help\n  - action: utter_help\n",
        }
    )

    project = read_project(root)

    assert {"greet", "help", "thank"} <= set(project.domain.intents)
    assert [rule.name for rule in project.stories.rules] == ["greet", "bye", "t", "h"]
    assert len(project.nlu.examples) == 6
    assert project.warnings == ()


def test_missing_import(make_project: MakeProject) -> None:
    """A missing import is an error with a line."""
    config = "assistant_id: a\nimporters: [{name: MultiProjectImporter}]\nimports:\n- nowhere\n"

    with pytest.raises(ProjectError) as caught:
        read_project(make_project({"config.yml": config}))
    assert [(problem.line, problem.code) for problem in caught.value.problems] == [(4, "config.import")]


def test_nlu_alone_needs_no_domain(make_project: MakeProject) -> None:
    """For NLU alone, a project needs neither domain nor stories."""
    root = make_project({})
    (root / "domain.yml").unlink()
    (root / "data/rules.yml").unlink()

    project = read_project(root)

    assert len(project.nlu.examples) == 4
    assert project.warnings == ()


def test_no_configuration(make_project: MakeProject) -> None:
    """Without `config.yml` the defaults are used, and a warning says so."""
    root = make_project({})
    (root / "config.yml").unlink()

    project = read_project(root)

    assert project.config.pipeline
    assert [problem.code for problem in project.warnings] == ["config.missing"]


def test_format_2(make_project: MakeProject) -> None:
    """A project of format 2.0 is converted to 3.1, and its original format is recorded."""
    project = read_project(
        make_project(
            {
                "domain.yml": 'version: "2.0"\nintents:\n- greet\n- bye: {triggers: utter_bye}\nentities: [city]\n'
                "slots:\n  city: {type: unfeaturized}\n  note: {type: text}\n"
                "forms:\n  order:\n    required_slots:\n      note:\n      - type: from_text\n"
                "responses:\n  utter_bye: [{text: b}]\n  utter_ask_note: [{text: c}]\n",
                "data/rules.yml": 'version: "2.0"\nrules:\n- rule: r\n  steps:\n  - intent: greet\n'
                "  - action: order\n  - active_loop: order\n",
                "config.yml": "assistant_id: a\npipeline:\npolicies:\n- name: MappingPolicy\n- name: FormPolicy\n",
            }
        )
    )

    assert project.warnings == ()
    assert project.domain.is_legacy
    assert project.domain.legacy_forms == {"order": {"required_slots": {"note": [{"type": "from_text"}]}}}
    assert project.domain.original["forms"] == {"order": {"required_slots": ["note"]}}
    assert [policy.name for policy in project.config.policies] == ["RulePolicy"]
    assert [rule.name for rule in project.stories.rules] == ["r", "bye triggers utter_bye"]


def test_ten_thousand_examples(make_project: MakeProject) -> None:
    """A large file of examples is read in well under two seconds."""
    lines = ["nlu:"]
    for intent in ("greet", "bye"):
        lines += [f"- intent: {intent}", "  examples: |"]
        lines += [f"    - example {intent} {number} of [Rome](city:Roma)" for number in range(5000)]
    root = make_project({"data/nlu.yml": "\n".join(lines)})

    started = time.process_time()
    project = read_project(root)

    assert len(project.nlu.examples) == 10_000
    assert time.process_time() - started < 2


@pytest.mark.skipif(not CONFORMANCE.is_dir(), reason="the conformance projects are not here")
@pytest.mark.parametrize("root", sorted(CONFORMANCE.glob("*/project")), ids=lambda path: path.parent.name)
def test_conformance_projects(root: Path) -> None:
    """Projects that Rasa can train have no errors."""
    assert read_project(root).domain.intents
