"""The domain: its entries, defaults and merging, and the answer of `GET /domain`."""

from pathlib import Path

import pytest

from manent.core.domain import DEFAULT_INTENTS, Domain, Entity, Form, Intent, SessionConfig
from manent.project.domain.definition import build_domain
from manent.project.domain.merging import RawDomain, add_document, read_domain_files
from manent.project.problems import Report
from manent.project.yaml.documents import parse_document


def domain_of(report: Report, *texts: str) -> Domain:
    """Return the domain of one or several files."""
    raw = RawDomain()
    for number, text in enumerate(texts, 1):
        add_document(raw, parse_document(text, f"{number}.yml", report), f"{number}.yml", report)
    return build_domain(raw)


def codes(report: Report) -> list[tuple[int, str]]:
    """Return line and code of every error."""
    return [(problem.line, problem.code) for problem in report.errors]


def test_intents(report: Report) -> None:
    """Intents can select entities, and the built-in intents are always defined."""
    domain = domain_of(
        report,
        "intents:\n- greet\n- inform: {use_entities: [city], ignore_entities: [name]}\n"
        "- none: {use_entities: []}\n- also_none: {use_entities: false}\n- all: {use_entities: true}\n"
        "- faq: {is_retrieval_intent: true}\n",
    )

    assert not report.errors
    assert domain.intents["inform"] == Intent(name="inform", used_entities=("city",), ignored_entities=("name",))
    assert domain.intents["none"].used_entities == domain.intents["also_none"].used_entities == ()
    assert domain.intents["all"].used_entities is None
    assert domain.intents["faq"].is_retrieval
    assert set(DEFAULT_INTENTS) <= set(domain.intents)


@pytest.mark.parametrize(
    ("text", "line", "code"),
    [
        ("intents:\n- greet\n- greet\n", 3, "intents.duplicate"),
        ("intents:\n- greet:\n", 2, "intents.options"),
        ("intents:\n- a\n- 5\n", 3, "yaml.type"),
        ("intents: greet\n", 1, "yaml.type"),
        ("entities:\n- a\n- a: {roles: [x]}\n", 3, "entities.duplicate"),
        ("entities:\n- a: {roles: [x]}\n  b: {}\n", 2, "domain.item"),
        ("forms:\n  f: {}\n", 2, "forms.no-slots"),
        ("forms:\n  f:\n", 2, "forms.no-slots"),
        ("forms:\n  f:\n    ignored_intents: bye\n", 2, "forms.no-slots"),
        ("forms:\n  f:\n    required_slots: {a: []}\n", 3, "forms.required-slots"),
        ("actions:\n- a: {send_domian: true}\n", 2, "actions.unknown-key"),
        ("session_config:\n  session_expiration_time: -1\n", 2, "session.expiration"),
        ("version: 3.1\n", 1, "file.version"),
        ("- intents\n", 1, "domain.type"),
    ],
)
def test_mistakes(text: str, line: int, code: str, report: Report) -> None:
    """Each mistake is reported as one error at its line."""
    domain_of(report, text)

    assert codes(report) == [(line, code)]


@pytest.mark.parametrize(
    ("text", "line", "code"),
    [
        ("intents:\n- greet: {use_entity: [x]}\n", 2, "intents.unknown-key"),
        ("intents:\n  - greet\n   - bye\n", 2, "domain.merged-items"),
        ("entities:\n- a: {role: [x]}\n", 2, "entities.unknown-key"),
        ("session_config:\n  session_expiration_tim: 1\n", 2, "session.unknown-key"),
    ],
)
def test_options_that_mean_nothing(text: str, line: int, code: str, report: Report) -> None:
    """Options that Rasa ignores do not prevent training, and are reported with their line."""
    domain_of(report, text)

    assert not report.errors
    assert [(each.line, each.code) for each in report.warnings] == [(line, code)]


def test_roles_may_be_numbers(report: Report) -> None:
    """Roles and groups that are numbers become texts."""
    domain = domain_of(report, "entities:\n- seat: {roles: [1, back], groups: [2]}\n")

    assert not report.errors
    assert domain.entities["seat"] == Entity(name="seat", roles=("1", "back"), groups=("2",))


def test_entities_forms_actions_session(report: Report) -> None:
    """The other sections are read."""
    domain = domain_of(
        report,
        "entities:\n- a\n- b: {roles: [r], groups: [g], influence_conversation: false}\n"
        "slots:\n  s: {type: text, mappings: []}\n"
        "forms:\n  f: {required_slots: [s], ignored_intents: bye}\n"
        "actions: [x, y: {send_domain: true}, f]\ne2e_actions: [Hi]\n"
        "session_config: {session_expiration_time: 0, carry_over_slots_to_new_session: false}\n"
        "config: {store_entities_as_slots: false}\n",
    )

    assert not report.errors
    assert domain.entities["b"] == Entity(name="b", roles=("r",), groups=("g",), influence_conversation=False)
    assert domain.forms == {"f": Form(name="f", required_slots=("s",), ignored_intents=("bye",))}
    assert (domain.actions, domain.send_domain) == (("x", "y", "f"), frozenset({"y"}))
    assert domain.e2e_actions == ("Hi",)
    assert domain.session == SessionConfig(expiration_time_min=0, carry_over_slots=False)
    assert not domain.store_entities_as_slots
    assert domain.slots["requested_slot"].automatic


def test_automatic_slots(report: Report) -> None:
    """Automatic slots depend on forms and on the knowledge base action."""
    plain = domain_of(report, "intents: [a]\n")
    knowing = domain_of(report, "actions: [action_query_knowledge_base]\n")

    assert list(plain.slots) == ["session_started_metadata"]
    assert len(knowing.slots) == 4


def test_own_requested_slot(report: Report) -> None:
    """A project can define `requested_slot`, so that stories can use it."""
    domain = domain_of(
        report,
        "slots:\n  requested_slot: {type: categorical, values: [s], mappings: [{type: custom}]}\n"
        "  s: {type: text, mappings: []}\nforms:\n  f: {required_slots: [s]}\n",
    )

    assert domain.slots["requested_slot"].type == "categorical"
    assert not domain.slots["requested_slot"].automatic


def test_merging_files(report: Report) -> None:
    """Lists are merged by name and sections by key. The first definition is used, and the second is a warning."""
    domain = domain_of(
        report,
        "intents: [a]\nresponses:\n  utter_a: [{text: one}]\nsession_config: {session_expiration_time: 60, "
        "carry_over_slots_to_new_session: true}\n",
        "intents: [a, b]\nresponses:\n  utter_a: [{text: two}]\n  utter_b: [{text: b}]\n"
        "session_config: {session_expiration_time: 5}\n",
    )

    assert [name for name in domain.intents if name not in DEFAULT_INTENTS] == ["a", "b"]
    assert domain.responses["utter_a"][0].text == "one"
    assert domain.session.expiration_time_min == 5
    assert [(problem.file, problem.code) for problem in report.warnings] == [
        ("2.yml", "intents.duplicate"),
        ("2.yml", "responses.duplicate"),
    ]


def test_newer_version_is_skipped(report: Report) -> None:
    """A file of a newer format is skipped with a warning."""
    domain = domain_of(report, 'version: "4.0"\nintents: [a]\n')

    assert "a" not in domain.intents
    assert [problem.code for problem in report.warnings] == ["file.newer-version"]


def test_duplicate_names_its_first_line(report: Report) -> None:
    """The message for a duplicate has the line of the first one."""
    domain_of(report, "intents:\n- greet\n- greet\n")

    assert report.errors[0].found == '"greet" a second time (the first is on line 2)'


def test_misspelt_section(report: Report) -> None:
    """An unknown section is a warning that suggests the correct name."""
    domain_of(report, "respones: {}\n")

    assert report.warnings[0].suggestion == 'Did you mean "responses"?'


def test_original(report: Report) -> None:
    """Action servers and `GET /domain` get the sections as written, with sorted intents and no additions."""
    domain = domain_of(
        report,
        "intents: [b, a: {use_entities: []}]\nslots:\n  s: {type: text, mappings: [{type: from_text}]}\n"
        "forms:\n  f: {required_slots: [s]}\nactions: [x]\n",
    )

    assert domain.original == {
        "version": "3.1",
        "intents": [{"a": {"use_entities": []}}, "b"],
        "slots": {"s": {"type": "text", "mappings": [{"type": "from_text"}]}},
        "actions": ["x"],
        "forms": {"f": {"required_slots": ["s"]}},
        "session_config": {"session_expiration_time": 60, "carry_over_slots_to_new_session": True},
    }


def test_broken_file_does_not_hide_others(tmp_path: Path, report: Report) -> None:
    """A file that is not YAML is one problem, and the other files are read."""
    (tmp_path / "a.yml").write_text("{{{")
    (tmp_path / "b.yml").write_text("intents: [x]\nforms:\n  f: {required_slots: [unknown]}\n")

    raw = read_domain_files([tmp_path / "a.yml", tmp_path / "b.yml"], report)
    build_domain(raw)

    assert raw.is_broken
    assert "x" in raw.intents
    assert [problem.file for problem in report.errors] == ["a.yml"]


def test_form_of_an_earlier_file_is_no_action(report: Report) -> None:
    """A form's name under `actions:` is a custom action, unless an earlier file defines the form."""
    slots = "slots:\n  s: {type: text, mappings: []}\nforms:\n  f: {required_slots: [s]}\n"

    assert domain_of(report, slots, "actions: [f, x]\n").actions == ("x",)
    assert domain_of(report, "actions: [f, x]\n", slots).actions == ("f", "x")


def test_other_files_in_a_domain_folder(report: Report) -> None:
    """A file in the domain folder that is not a domain is ignored."""
    domain_of(report, "intents: [a]\n", "rest:\nsocketio:\n  session_persistence: true\n")

    assert report.warnings == ()
