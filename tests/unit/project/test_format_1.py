"""Projects of format 1.x: how they are detected, and how their domain and configuration are read."""

from collections.abc import Callable
from pathlib import Path

import pytest

from manent.core.errors import ManentError, ProjectError
from manent.core.training_data import ActionStep, UserStep
from manent.project.reading import Project, read_nlu, read_project, validate_project
from manent.training import TrainingOptions, train

MakeProject = Callable[[dict[str, str]], Path]
Findings = Callable[[Path], list[str]]

KEYWORD = "pipeline: keyword\npolicies:\n- name: MemoizationPolicy\n"
IN_2_0 = 'version: "2.0"\nintents: [greet, bye]\nresponses: {utter_greet: [text: a], utter_bye: [text: b]}\n'

FILES = {
    "config.yml": "language: en\npipeline: supervised_embeddings\npolicies:\n- name: MemoizationPolicy\n",
    "domain.yml": (
        "intents:\n- greet\n- bye\nactions:\n- utter_greet\n"
        'templates:\n  utter_greet:\n  - text: Hello\n  - "Hi"\n  utter_bye:\n  - text: Bye\n'
    ),
    "data/nlu.md": "## intent:greet\n- hi\n- hello\n\n## intent:bye\n- bye\n- see you\n",
    "data/stories.md": "## greet\n* greet\n  - utter_greet\n\n## bye\n* bye\n  - utter_bye\n",
}
"""A project without a flaw."""


@pytest.fixture
def make_project(tmp_path: Path) -> MakeProject:
    """Write a project of format 1.x, with some of its files replaced and others added."""

    def make(files: dict[str, str]) -> Path:
        for name, text in (FILES | files).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    return make


def pipeline_of(project: Project) -> list[str]:
    """Return the names of a project's components."""
    return [component.name for component in project.config.pipeline]


def test_project(make_project: MakeProject, findings: Findings) -> None:
    """A whole project is read without problems, with the meaning that it has in Rasa 1.x."""
    root = make_project({})

    project = read_project(root)

    assert findings(root) == []
    assert project.is_format_1
    assert [variation.text for variation in project.domain.responses["utter_greet"]] == ["Hello", "Hi"]
    assert project.domain.session.expiration_time_min == 0
    assert project.config.policies[0].options == {"max_history": 5}
    assert [example.text for example in project.nlu.examples] == ["hi", "hello", "bye", "see you"]
    assert [story.name for story in project.stories.stories] == ["greet", "bye"]
    assert pipeline_of(project) == [
        "WhitespaceTokenizer",
        "RegexFeaturizer",
        "CRFEntityExtractor",
        "EntitySynonymMapper",
        "CountVectorsFeaturizer",
        "CountVectorsFeaturizer",
        "DIETClassifier",
    ]


@pytest.mark.parametrize(
    ("files", "minutes"),
    [
        ({"domain.yml": IN_2_0}, 60),
        ({"data/rules.yml": "rules:\n- rule: r\n  steps:\n  - intent: greet\n  - action: utter_greet\n"}, 60),
        ({"data/more.yml": 'version: "2.0"\nnlu:\n- intent: greet\n  examples: |\n    - hey\n'}, 60),
        ({"config.yml": "recipe: default.v1\n" + KEYWORD}, 60),
        ({"config.yml": KEYWORD + "- name: RulePolicy\n"}, 60),
        ({"config.yml": KEYWORD}, 0),
    ],
)
def test_later_formats_are_not_misread(files: dict[str, str], minutes: int, make_project: MakeProject) -> None:
    """A project with one feature of a later format gets the sessions, memoization and variations of that format."""
    templates = FILES["domain.yml"].replace('  - "Hi"\n', "")
    project = read_project(make_project({"domain.yml": templates} | files))

    assert project.is_format_1 == (minutes == 0)
    assert project.domain.session.expiration_time_min == minutes
    assert ("max_history" in project.config.policies[0].options) == (minutes == 0)


@pytest.mark.parametrize(
    "files",
    [
        {"domain.yml": 'version: "3.1"\nintents: [greet]\nresponses: {utter_greet: [text: a]}\n'},
        {"data/more.yml": 'version: "3.1"\nnlu: []\n'},
    ],
)
def test_markdown_beside_format_3(files: dict[str, str], make_project: MakeProject, findings: Findings) -> None:
    """If a file declares format 3.x, Markdown is not read, as in Rasa 3, and this is reported."""
    domain = "intents: [greet]\nresponses: {utter_greet: [text: a]}\n"
    root = make_project({"config.yml": "recipe: default.v1\n", "domain.yml": domain} | files)

    found = findings(root)

    assert "data/nlu.md:0 data.markdown-unread?" in found
    assert "data/stories.md:0 data.markdown-unread?" in found
    with pytest.raises(ManentError) as caught:
        train(TrainingOptions(root=root))
    assert caught.value.code == "train.no_data"
    assert not (root / "models").exists()


def test_markdown_without_a_version(make_project: MakeProject) -> None:
    """If no file declares a version, Markdown is read, also with a configuration of 3.x."""
    root = make_project({"config.yml": "pipeline:\n- name: DIETClassifier\npolicies:\n- name: RulePolicy\n"})
    (root / "domain.yml").write_text(
        "intents: [greet, bye]\nresponses: {utter_greet: [text: a], utter_bye: [text: b]}\n"
    )

    project = read_project(root)

    assert not project.is_format_1
    assert len(project.nlu.examples) == 4
    assert len(project.stories.stories) == 2


def test_other_markdown(make_project: MakeProject, findings: Findings) -> None:
    """A page for people is not read as data. Other files without data are named in a warning."""
    root = make_project({"data/README.md": "# About\n\nText.\n", "data/notes.md": "# Notes\n- hello\n"})

    assert findings(root) == ["data/notes.md:0 data.markdown?"]


def test_lookup_files(make_project: MakeProject, findings: Findings) -> None:
    """Paths of lookup files begin at the project or at the file's folder. A missing lookup file is an error."""
    nlu = FILES["data/nlu.md"] + "## lookup:city\ndata/cities.txt\n## lookup:food\nfood.txt\n"
    json = '{"rasa_nlu_data": {"lookup_tables": [{"name": "city", "elements": "data/more.txt"}]}}'
    files = {"data/cities.txt": "Rome\n\n Paris\n", "data/food.txt": "rice\n", "data/more.txt": "Oslo\n"}
    root = make_project(files | {"data/nlu.md": nlu, "data/more.json": json})

    assert read_nlu(root).lookups == {"city": ("Oslo", "Rome", "Paris"), "food": ("rice",)}

    (root / "data/food.txt").unlink()
    assert findings(root) == ["data/nlu.md:11 nlu.lookup-file"]


def test_old_component_names(make_project: MakeProject) -> None:
    """Component names from before 1.0 are accepted, with their options."""
    config = (
        "language: en\npipeline:\n- name: nlp_spacy\n- tokenizer_whitespace\n- name: intent_entity_featurizer_regex\n"
        "- name: rasa.nlu.extractors.crf_entity_extractor.CRFEntityExtractor\n- name: ner_synonyms\n"
        "- name: intent_featurizer_count_vectors\n  max_ngram: 2\n"
        "- name: intent_classifier_tensorflow_embedding\n  num_neg: 20\npolicies:\n- name: MemoizationPolicy\n"
    )
    project = read_project(make_project({"config.yml": config}))

    assert pipeline_of(project) == [
        "SpacyNLP",
        "WhitespaceTokenizer",
        "RegexFeaturizer",
        "CRFEntityExtractor",
        "EntitySynonymMapper",
        "CountVectorsFeaturizer",
        "DIETClassifier",
    ]
    assert project.config.pipeline[5].options == {"max_ngram": 2}
    assert project.config.pipeline[6].options == {"entity_recognition": False}
    assert [component.where.line for component in project.config.pipeline] == [3, 4, 5, 6, 7, 8, 10]


@pytest.mark.parametrize(
    ("template", "first"),
    [
        ("pretrained_embeddings_spacy", "SpacyNLP"),
        ("pretrained_embeddings_convert", "ConveRTTokenizer"),
        ("keyword", "KeywordIntentClassifier"),
        ("tensorflow_embedding", "WhitespaceTokenizer"),
    ],
)
def test_pipeline_templates(template: str, first: str, make_project: MakeProject) -> None:
    """A pipeline template is replaced by its list of components."""
    root = make_project({"config.yml": f"language: en\npipeline: {template}\npolicies:\n- name: MemoizationPolicy\n"})

    assert pipeline_of(read_project(root))[0] == first


def test_old_policies(make_project: MakeProject) -> None:
    """A learned policy uses the `max_history` of its featurizer. Without a fallback policy, none is predicted."""
    config = (
        "pipeline: keyword\npolicies:\n- name: KerasPolicy\n  epochs: 5\n  featurizer:\n"
        "  - name: MaxHistoryTrackerFeaturizer\n    max_history: 3\n    state_featurizer:\n"
        "    - name: BinarySingleStateFeaturizer\n"
        "- name: MemoizationPolicy\n  featurizer:\n  - {name: MaxHistoryTrackerFeaturizer, max_history: 2}\n"
        "- name: MappingPolicy\n"
    )
    policies = read_project(make_project({"config.yml": config})).config.policies

    assert [policy.name for policy in policies] == ["TEDPolicy", "MemoizationPolicy", "RulePolicy"]
    assert policies[0].options["featurizer"][0]["max_history"] == 3
    assert "max_history" not in policies[1].options
    assert policies[2].options == {"enable_fallback_prediction": False}


def test_retrieval_actions(make_project: MakeProject, findings: Findings) -> None:
    """In stories, in `actions:` and as a trigger, `respond_faq` is the answer to the retrieval intent `faq`."""
    root = make_project(
        {
            "config.yml": "pipeline: keyword\npolicies:\n- name: MemoizationPolicy\n- name: MappingPolicy\n",
            "domain.yml": "intents: [faq, talk: {triggers: respond_talk}]\nactions: [respond_faq, respond_talk]\n",
            "data/nlu.md": "## intent:faq/a\n- a\n## intent:faq/b\n- b\n## intent:talk/c\n- c\n",
            "data/responses.md": "## x\n* faq/a\n - A\n* faq/b\n - B\n* talk/c\n - C\n",
            "data/stories.md": "## x\n* faq\n - respond_faq\n",
        }
    )
    project = read_project(root)

    assert findings(root) == []
    assert project.domain.actions == ()
    assert [step.name for step in project.stories.stories[0].steps if isinstance(step, ActionStep)] == ["utter_faq"]
    rule = project.stories.rules[0]
    assert [step.name for step in rule.steps if isinstance(step, ActionStep)] == ["utter_talk"]
    assert project.nlu.responses["utter_talk/c"] == [{"text": "C"}]


def test_triggers_and_stories(make_project: MakeProject, findings: Findings) -> None:
    """If a story continues differently after an intent, the intent's trigger is omitted with a warning."""
    stories = FILES["data/stories.md"] + "## more\n* bye\n  - utter_bye\n  - utter_greet\n"
    domain = FILES["domain.yml"].replace("- greet\n", "- greet: {triggers: utter_greet}\n", 1)
    domain = domain.replace("- bye\n", "- bye: {triggers: utter_bye}\n")
    config = "pipeline: keyword\npolicies:\n- name: MemoizationPolicy\n- name: MappingPolicy\n"
    root = make_project({"domain.yml": domain, "data/stories.md": stories, "config.yml": config})

    rules = read_project(root).stories.rules

    assert findings(root) == ["domain.yml:3 intents.triggers?"]
    assert [step.intent for rule in rules for step in rule.steps if isinstance(step, UserStep)] == ["greet"]


def test_slots(make_project: MakeProject) -> None:
    """Slots have the types of 1.x, by name or by the path of a class, and are filled from the entity with that name."""
    domain = (
        "entities: [city]\nslots:\n  city: {type: unfeaturized}\n  size: {type: rasa.core.slots.FloatSlot}\n"
        "  note: {type: rasa_core.slots.UnfeaturizedSlot, auto_fill: false}\n"
    )
    project = read_project(make_project({"domain.yml": domain + FILES["domain.yml"]}))

    slots = project.domain.slots
    assert {name: slot.type for name, slot in slots.items() if not slot.automatic} == {
        "city": "any",
        "note": "any",
        "size": "float",
    }
    assert [mapping.type for mapping in slots["city"].mappings] == ["from_entity"]
    assert project.domain.is_legacy


def test_forms_on_the_action_server(make_project: MakeProject, findings: Findings) -> None:
    """A form without slots in the domain is an action. Intents that its code may use are not reported as unused."""
    domain = FILES["domain.yml"].replace("- bye\n", "- bye\n- inform\n") + "forms:\n- my_form\n"
    nlu = FILES["data/nlu.md"] + "## intent:inform\n- four\n"
    stories = (
        FILES["data/stories.md"] + '## form\n* greet\n- my_form\n- form{"name": "my_form"}\n- form{"name": null}\n'
    )
    config = "pipeline: keyword\npolicies:\n- name: MemoizationPolicy\n- name: FormPolicy\n"
    root = make_project({"domain.yml": domain, "data/nlu.md": nlu, "data/stories.md": stories, "config.yml": config})

    project = read_project(root)

    assert findings(root) == []
    assert "my_form" in project.domain.actions
    assert not project.domain.forms
    assert "requested_slot" in project.domain.slots


def test_broken_markdown(make_project: MakeProject) -> None:
    """A file that is not UTF-8 is an error with its line. Names that it may define are not reported as unknown."""
    root = make_project({})
    (root / "data/nlu.md").write_bytes(b"## intent:greet\n- hi\n- \xff\n")

    problems = validate_project(root).problems

    assert [(problem.file, problem.line, problem.code) for problem in problems] == [("data/nlu.md", 3, "file.encoding")]
    with pytest.raises(ProjectError):
        read_project(root)
