"""Checks across the files of a project."""

from collections.abc import Callable
from pathlib import Path

import pytest

from manent.project.reading import validate_project
from unit.project.conftest import FILES

MakeProject = Callable[[dict[str, str]], Path]
Findings = Callable[[Path], list[str]]

DOMAIN = """version: "3.1"
intents: [greet, bye]
entities: [city]
slots:
  size: {type: categorical, values: [small, big], mappings: [{type: custom}]}
  city:
    type: text
    mappings:
    - {type: from_entity, entity: city}
forms:
  order: {required_slots: [city]}
actions: [action_x, utter_elsewhere]
responses:
  utter_greet: [{text: Hello}]
  utter_bye: [{text: Bye}]
  utter_ask_city: [{text: Where}]
"""


def test_flawless(make_project: MakeProject, findings: Findings) -> None:
    """A project without mistakes has no problems."""
    assert findings(make_project({})) == []
    assert findings(make_project({"domain.yml": DOMAIN})) == []


@pytest.mark.parametrize(
    ("steps", "finding"),
    [
        ("- intent: great", "data/more.yml:4 story.unknown-intent?"),
        ("- action: action_y", "data/more.yml:4 story.unknown-action"),
        ("- action: utter_gone", "data/more.yml:4 story.unknown-response"),
        ("- action: utter_elsewhere", "data/more.yml:4 story.no-response?"),
        ("- slot_was_set: [{syze: big}]", "data/more.yml:4 story.unknown-slot"),
        ("- slot_was_set: [{size: large}]", "data/more.yml:4 story.slot-value?"),
        ("- active_loop: ordre", "data/more.yml:4 story.unknown-form"),
        ("- {intent: greet, entities: [town]}", "data/more.yml:4 story.unknown-entity?"),
        ("- or: [{intent: greet}, {intent: byye}]", "data/more.yml:4 story.unknown-intent?"),
        ("- or: [{slot_was_set: [{nope: 1}]}, {slot_was_set: [{size: big}]}]", "data/more.yml:4 story.unknown-slot"),
        ("- checkpoint: nowhere", "data/more.yml:4 story.checkpoint?"),
    ],
)
def test_names_in_stories(steps: str, finding: str, make_project: MakeProject, findings: Findings) -> None:
    """Each name in a story must be in the domain."""
    root = make_project({"domain.yml": DOMAIN, "data/more.yml": f"stories:\n- story: s\n  steps:\n  {steps}\n"})

    assert findings(root) == [finding]


def test_built_in_names(make_project: MakeProject, findings: Findings) -> None:
    """Default actions, intents and slots and the two-stage loop need no entry in the domain."""
    root = make_project(
        {
            "domain.yml": DOMAIN,
            "data/more.yml": "stories:\n- story: s\n  steps:\n  - intent: nlu_fallback\n"
            "  - action: action_two_stage_fallback\n  - active_loop: action_two_stage_fallback\n"
            "  - slot_was_set: [{requested_slot: city}]\n  - intent: restart\n  - action: action_restart\n",
        }
    )

    assert findings(root) == []


@pytest.mark.parametrize(
    ("rule", "finding"),
    [
        ("steps:\n  - intent: greet\n  - action: utter_greet\n  - intent: bye", "data/more.yml:6 rule.several-turns"),
        ("steps:\n  - intent: greet\n  - action: utter_greet\n  - checkpoint: c", "data/more.yml:6 rule.checkpoint"),
        ("steps:\n  - intent: restart\n  - action: utter_greet", "data/more.yml:5 rule.fixed-intent"),
        ("steps:\n  - or: [{intent: back}, {intent: bye}]\n  - action: action_x", "data/more.yml:5 rule.fixed-intent"),
        (
            "condition:\n  - slot_was_set: [{nope: 1}]\n  steps:\n  - action: action_x",
            "data/more.yml:4 story.unknown-slot",
        ),
    ],
)
def test_rules(rule: str, finding: str, make_project: MakeProject, findings: Findings) -> None:
    """A rule has one user turn and no built-in intents, and its conditions are checked."""
    root = make_project({"domain.yml": DOMAIN, "data/more.yml": f"rules:\n- rule: r\n  {rule}\n"})

    assert findings(root) == [finding]


def test_unrestricted_rules(make_project: MakeProject, findings: Findings) -> None:
    """`restrict_rules: false` allows several user turns in a rule."""
    rule = "rules:\n- rule: r\n  steps:\n  - intent: greet\n  - action: utter_greet\n  - intent: bye\n"
    config = "assistant_id: a\npolicies:\n- name: RulePolicy\n  restrict_rules: false\n"

    assert findings(make_project({"config.yml": config, "data/more.yml": rule})) == []


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("entity: city}", "entity: town}", "domain.yml:9 slots.unknown-entity?"),
        ("entity: city}", "entity: city, intent: great}", "domain.yml:9 slots.unknown-intent?"),
        ("entity: city}", "entity: city, conditions: [{active_loop: ordr}]}", "domain.yml:9 slots.unknown-form?"),
        (
            "[{type: custom}]",
            "[{type: from_text, conditions: [{active_loop: order}]}]",
            "domain.yml:5 slots.not-in-form?",
        ),
        ("[{type: custom}]", "[{type: custom, action: action_y}]", "domain.yml:5 slots.unknown-action?"),
        ("[city]}", "[city], ignored_intents: great}", "domain.yml:11 forms.unknown-intent?"),
        ("utter_ask_city", "utter_asking_city", "domain.yml:11 forms.no-question?"),
        ("[greet, bye]", "[greet: {use_entities: [town]}, bye]", "domain.yml:2 intents.unknown-entity?"),
        (
            "[greet, bye]",
            "[greet: {use_entities: [city], ignore_entities: [city]}, bye]",
            "domain.yml:2 intents.used-and-ignored?",
        ),
        ("text: Hello", "text: Hello, condition: [{name: sice, value: 1}]", "domain.yml:14 responses.unknown-slot?"),
        (
            "text: Hello",
            'text: Hello, buttons: [{title: x, payload: "/greeet{{}}"}, {title: y, payload: "/greet"}]',
            "domain.yml:14 responses.unknown-intent?",
        ),
        ("[greet, bye]", "[greet, bye, ask]", "domain.yml:2 intents.no-examples?"),
    ],
)
def test_domain(old: str, new: str, finding: str, make_project: MakeProject, findings: Findings) -> None:
    """References within the domain are checked, each at its line."""
    assert old in DOMAIN
    found = findings(make_project({"domain.yml": DOMAIN.replace(old, new)}))

    assert finding in found
    assert all(other.endswith("?") for other in found if other != finding)


def test_unused(make_project: MakeProject, findings: Findings) -> None:
    """Intents and responses that no story uses are warnings. A response that is named in the actions' code is used."""
    domain = (
        "intents: [greet, bye, ask]\nresponses:\n  utter_greet: [{text: a}]\n  utter_bye: [{text: a}]\n"
        "  utter_never: [{text: a}]\n  utter_default: [{text: a}]\n"
    )

    assert findings(make_project({"domain.yml": domain})) == [
        "domain.yml:1 intents.no-examples?",
        "domain.yml:1 intents.unused?",
        "domain.yml:5 responses.unused?",
    ]
    said = {"domain.yml": domain + "actions: [action_x]\n", "actions/x.py": "say('utter_never')\n"}
    assert findings(make_project(said)) == [
        "domain.yml:1 intents.no-examples?",
        "domain.yml:1 intents.unused?",
    ]


def test_examples(make_project: MakeProject, findings: Findings) -> None:
    """NLU data is checked for contradictions, with the domain and within the data."""
    nlu = (
        "nlu:\n- intent: greet\n  examples: |\n    - hi\n    - Hello [there](place)\n"
        "- intent: bye\n  examples: |\n    - HI\n- intent: ask\n  examples: |\n    - what\n"
        "- intent: bye/now\n  examples: |\n    - now\n"
    )

    assert findings(make_project({"data/nlu.yml": nlu})) == [
        "data/nlu.yml:5 nlu.unknown-entity?",
        "data/nlu.yml:8 nlu.example-twice?",
        "data/nlu.yml:11 nlu.unknown-intent?",
        "data/nlu.yml:14 nlu.no-response?",
    ]


def test_policies(make_project: MakeProject, findings: Findings) -> None:
    """Forms require RulePolicy, and its fallback action must exist."""
    without = "assistant_id: a\npolicies:\n- name: MemoizationPolicy\n"
    unknown = "assistant_id: a\npolicies:\n- name: RulePolicy\n  core_fallback_action_name: action_gone\n"

    assert findings(make_project({"domain.yml": DOMAIN, "config.yml": without})) == [
        "domain.yml:11 config.no-rule-policy"
    ]
    assert findings(make_project({"domain.yml": DOMAIN, "config.yml": unknown})) == [
        "config.yml:3 config.unknown-action"
    ]


@pytest.mark.parametrize(("longest", "is_wrong"), [("5", False), ("null", False), ("five", True), ("-1", True)])
def test_max_history_is_a_number(longest: str, is_wrong: bool, make_project: MakeProject, findings: Findings) -> None:  # noqa: FBT001
    """`max_history` must be a number of turns or null."""
    config = f"assistant_id: a\npolicies:\n- name: RulePolicy\n- {{name: MemoizationPolicy, max_history: {longest}}}\n"

    found = findings(make_project({"domain.yml": DOMAIN, "config.yml": config}))

    assert found == (["config.yml:4 config.max-history"] if is_wrong else [])


def test_unknown_keys_of_data_files(make_project: MakeProject) -> None:
    """An unknown key of a data file is reported. In other files, it is reported only if it resembles a known key."""
    files = {
        "data/nlu.yml": (
            'version: "3.1"\nnlu:\n- intent: greet\n  examples: |\n    - hi\n- intent: bye\n  examples: |\n    - bye\n'
            "storys: []\nnotes: {a: b}\n"
        ),
        "data/rules.yml": (
            'version: "3.1"\nrule:\n- rule: greet\n  steps:\n  - intent: greet\n  - action: utter_greet\n'
        ),
        "data/other.yml": "rest:\n  rule: x\nnlg: y\n",
        "data/story.yml": "story:\n- story: s\n",
        "data/all.yml": 'version: "3.1"\nrecipe: default.v1\nlanguage: en\nintents: []\nstories: []\n',
        "data/newer.yml": 'version: "9.0"\nstories: []\nplots: []\n',
    }
    found = [
        problem for problem in validate_project(make_project(files)).problems if problem.code == "data.unknown-key"
    ]

    assert [(problem.file, problem.line, problem.suggestion) for problem in found] == [
        ("data/nlu.yml", 9, 'Did you mean "stories"?'),
        ("data/nlu.yml", 10, ""),
        ("data/rules.yml", 2, 'Did you mean "rules"?'),
        ("data/story.yml", 1, 'Did you mean "stories"?'),
    ]
    assert str(found[2]) == (
        'data/rules.yml:2  rule  [data.unknown-key]\n  found the key "rule"; '
        'expected one of: nlu, stories, rules, responses, version\n  Did you mean "rules"?'
    )


def test_components_of_ones_own_are_imported(
    make_project: MakeProject, findings: Findings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A component that cannot be imported or lacks a method is an error at its line, with all other mistakes."""
    files = {
        "own_parts.py": "class Half:\n    def train(self, examples): ...\n\nclass Whole(Half):\n"
        "    def process(self, result): ...\n    def persist(self): ...\n    def load(self, files): ...\n",
        "own_broken.py": "1 / 0\n",
        "config.yml": "assistant_id: a\npipeline:\n- name: own_parts.Whole\n- name: own_parts.Half\n"
        "- name: own_parts.Missing\n- name: no_such_module.Thing\n- name: own_broken.Thing\n"
        "- {name: WhitespaceTokenizer, token_pattern: (}\n",
    }
    root = make_project(files)
    monkeypatch.syspath_prepend(str(root))

    assert findings(root) == [
        "config.yml:4 pipeline.bad-component",
        "config.yml:5 pipeline.bad-component",
        "config.yml:6 pipeline.bad-component",
        "config.yml:7 pipeline.bad-component",
        "config.yml:8 config.option",
    ]


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        ("domain.yml", "{{{\n"),
        ("data/nlu.yml", "nlu:\n- intent: [\n"),
        ("data/rules.yml", "rules:\n- rule: [\n"),
        ("config.yml", "[\n"),
    ],
)
def test_a_broken_file_makes_no_noise(broken: str, text: str, make_project: MakeProject, findings: Findings) -> None:
    """Names that an unreadable file may define are not reported as unknown."""
    found = findings(make_project({"domain.yml": DOMAIN, broken: text}))

    assert [finding.split(":")[0] for finding in found] == [broken]


LOOKUPS = (
    FILES["data/nlu.yml"]
    + """- lookup: city
  examples: |
    - Rome
    - c++
    - .net
    - 北京
"""
)


@pytest.mark.parametrize(
    ("pipeline", "is_told"),
    [
        ("RegexFeaturizer", True),
        ("RegexEntityExtractor\n  use_word_boundaries: false", False),
        ("DIETClassifier", False),
    ],
)
def test_lookup_entries_that_never_match(pipeline: str, make_project: MakeProject, *, is_told: bool) -> None:
    """Lookup entries that can never match are reported once, with the option that helps."""
    config = f"{FILES['config.yml']}pipeline:\n- name: WhitespaceTokenizer\n- name: {pipeline}\n"
    found = [
        problem
        for problem in validate_project(make_project({"data/nlu.yml": LOOKUPS, "config.yml": config})).problems
        if problem.code == "nlu.lookup-boundary"
    ]

    assert [(problem.file, problem.line, problem.found.partition(": ")[2]) for problem in found] == (
        [("data/nlu.yml", 14, '"c++", ".net", "北京"')] if is_told else []
    )


def test_annotations_inside_words(make_project: MakeProject, findings: Findings) -> None:
    """An annotation that ends inside a word is a warning, except in scripts without spaces."""
    nlu = FILES["data/nlu.yml"].replace("- hi\n", "- x[ab](city)c\n    - in [Rome](city)!\n    - 去[北京](city)玩\n")

    assert findings(make_project({"data/nlu.yml": nlu})) == ["data/nlu.yml:5 nlu.annotation-inside-word?"]


def test_what_the_server_says_is_used(make_project: MakeProject, findings: Findings) -> None:
    """`utter_action_failed` is not reported as unused, because the server sends it."""
    domain = FILES["domain.yml"] + "  utter_action_failed:\n  - text: Sorry\n"

    assert findings(make_project({"domain.yml": domain})) == []


def test_a_policy_of_the_project_s_own_is_one_message(make_project: MakeProject, findings: Findings) -> None:
    """If a policy class cannot be loaded, the missing RulePolicy is not reported, too."""
    domain = FILES["domain.yml"] + "slots:\n  city: {type: text, mappings: [{type: from_text}]}\n"
    domain += "forms:\n  trip: {required_slots: [city]}\n"
    config = FILES["config.yml"] + "policies:\n- name: own.RulePolicy\n"
    found = findings(make_project({"domain.yml": domain, "config.yml": config}))

    assert [place for place in found if not place.endswith("?")] == ["config.yml:5 config.custom-policy"]


def test_more_than_six_unknown_names_are_one_message(make_project: MakeProject) -> None:
    """Up to six unknown names are reported separately, and more in one message."""
    for number, messages in ((6, 6), (7, 1)):
        nlu = FILES["data/nlu.yml"] + "".join(f"- intent: x{i}\n  examples: |\n    - text {i}\n" for i in range(number))
        problems = validate_project(make_project({"data/nlu.yml": nlu})).problems
        assert sum(problem.code == "nlu.unknown-intent" for problem in problems) == messages
