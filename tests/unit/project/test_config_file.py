"""The configuration: defaults, names, and the file that is never touched."""

from collections.abc import Callable
from pathlib import Path

import pytest

from manent.core.training_data import AssistantConfig, ComponentConfig
from manent.project.config_file import default_pipeline, default_policies, read_config
from manent.project.problems import Report, Spot

SpotOf = Callable[[str], Spot]
Read = Callable[[str], AssistantConfig]


@pytest.fixture
def read(spot_of: SpotOf, report: Report, tmp_path: Path) -> Read:
    """Read a text as configuration."""
    return lambda text: read_config(spot_of(text).value, "file.yml", tmp_path / "my bot", report)


def test_components_and_options(read: Read, report: Report) -> None:
    """Names may be plain, with options, or module paths of Rasa's built-ins; paths of the project's own are kept."""
    config = read(
        "language: de\npipeline:\n- name: WhitespaceTokenizer\n  intent_tokenization_flag: true\n"
        "- RegexFeaturizer\n- name: rasa.nlu.classifiers.diet_classifier.DIETClassifier\n- name: mine.Thing\n"
        "policies:\n- name: rasa.core.policies.rule_policy.RulePolicy\n"
    )

    assert not report.errors
    assert config.language == "de"
    assert [component.name for component in config.pipeline] == [
        "WhitespaceTokenizer",
        "RegexFeaturizer",
        "DIETClassifier",
        "mine.Thing",
    ]
    assert config.pipeline[0].options == {"intent_tokenization_flag": True}
    assert config.pipeline[2].where.line == 6
    assert [policy.name for policy in config.policies] == ["RulePolicy"]


@pytest.mark.parametrize("text", ["", "language: en\n", "pipeline:\npolicies:\n", "pipeline: null\n# policies:\n"])
def test_defaults(text: str, read: Read, report: Report) -> None:
    """A pipeline and policies that are missing, empty or commented out are the defaults."""
    config = read(text)

    assert not report.errors
    assert config.pipeline == default_pipeline()
    assert config.policies == default_policies()
    assert ComponentConfig(name="FallbackClassifier", options={"threshold": 0.3, "ambiguity_threshold": 0.1}) in (
        config.pipeline
    )


def test_assistant_id(read: Read) -> None:
    """A missing or placeholder id is derived from the project's folder, the same each time."""
    assert read("assistant_id: mine\n").assistant_id == "mine"
    derived = read("assistant_id: placeholder_default\n").assistant_id
    assert derived == read("").assistant_id
    assert derived is not None
    assert derived.startswith("my bot-")


@pytest.mark.parametrize(
    ("text", "place", "suggestion"),
    [
        ("pipeline:\n- name: DIETClasifier\n", (2, "config.unknown-component"), 'Did you mean "DIETClassifier"?'),
        ("policies:\n- name: RulesPolicy\n", (2, "config.unknown-policy"), 'Did you mean "RulePolicy"?'),
        ("pipeline:\n- epochs: 5\n", (2, "config.component"), ""),
        ("pipeline: supervised\n", (1, "yaml.type"), ""),
        ("recipe: graph.v1\n", (1, "config.recipe"), "Describe the pipeline"),
        ("importers:\n- name: mine.Importer\n", (2, "config.importer"), ""),
        ("- a\n", (1, "config.type"), ""),
    ],
)
def test_mistakes(text: str, place: tuple[int, str], suggestion: str, read: Read, report: Report) -> None:
    """Each mistake is one error at its line."""
    read(text)

    (problem,) = report.errors
    assert (problem.line, problem.code) == place
    assert problem.suggestion.startswith(suggestion)
