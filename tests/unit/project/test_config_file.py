"""The configuration file: its defaults and names."""

import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from manent.core.training_data import AssistantConfig, ComponentConfig
from manent.project.problems import Report, Spot
from manent.project.settings.config import default_pipeline, default_policies, read_config

SpotOf = Callable[[str], Spot]
Read = Callable[[str], AssistantConfig]


@pytest.fixture
def read(spot_of: SpotOf, report: Report, tmp_path: Path) -> Read:
    """Read a text as configuration."""
    return lambda text: read_config(spot_of(text).value, "file.yml", tmp_path / "my bot", report)


def test_components_and_options(read: Read, report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries can be a name, a name with options, or the path of a class, which is kept unless it is built in."""
    methods = dict.fromkeys(("train", "process", "persist", "load"), lambda _: None)
    monkeypatch.setitem(sys.modules, "mine", types.SimpleNamespace(Thing=type("Thing", (), methods)))
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
    """A pipeline or a list of policies that is missing, empty or commented out has the defaults."""
    config = read(text)

    assert not report.errors
    assert config.pipeline == default_pipeline()
    assert config.policies == default_policies()
    assert ComponentConfig(name="FallbackClassifier", options={"threshold": 0.3, "ambiguity_threshold": 0.1}) in (
        config.pipeline
    )


def test_assistant_id(read: Read) -> None:
    """An id that is missing or a placeholder is computed from the project's folder, each time the same."""
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
        ("policies:\n- name: policies.My.Custom\n", (2, "config.custom-policy"), "Module paths start in"),
        ("pipeline:\n- epochs: 5\n", (2, "config.component"), ""),
        ("pipeline: supervised\n", (1, "yaml.type"), ""),
        ("recipe: graph.v1\n", (1, "config.recipe"), "Configure the assistant"),
        ("- a\n", (1, "config.type"), ""),
    ],
)
def test_mistakes(text: str, place: tuple[int, str], suggestion: str, read: Read, report: Report) -> None:
    """Each mistake is reported as one error at its line."""
    read(text)

    (problem,) = report.errors
    assert (problem.line, problem.code) == place
    assert problem.suggestion.startswith(suggestion)


@pytest.mark.parametrize(
    ("entry", "meant"),
    [
        ('FallbackClassifier, threshold: "0.4"', 0.4),
        ("FallbackClassifier, ambiguity_threshold: ${SHARE}", 0.4),
        ('CountVectorsFeaturizer, max_ngram: "4"', 4),
        ("CountVectorsFeaturizer, max_df: 1.0", 1.0),
        ("CountVectorsFeaturizer, min_df: 2", 2),
        ("CountVectorsFeaturizer, analyzer: char_wb", "char_wb"),
        ('RegexFeaturizer, case_sensitive: "false"', False),
        ("CRFEntityExtractor, BILOU_flag: yes", True),
        ("RegexFeaturizer, case_sensitive: no", False),
        ("DIETClassifier, split_entities_by_comma: {address: true, city: 'False'}", {"address": True, "city": False}),
        ("DIETClassifier, featurizers: words", ["words"]),
        ("DIETClassifier, random_seed: null", None),
        ("DIETClassifier, epochs: many", "many"),
        ("DucklingEntityExtractor, timeout: 2.5", 2.5),
        ("LexicalSyntacticFeaturizer, features: [[low], [upper, digit], []]", [["low"], ["upper", "digit"], []]),
        ('RulePolicy, core_fallback_threshold: "0.4"', 0.4),
        ("RulePolicy, restrict_rules: ${FLAG}", False),
        ("MemoizationPolicy, max_history: ${TURNS}", 3),
        ("MemoizationPolicy, max_history: null", None),
        ("TEDPolicy, priority: '7'", 7),
        (
            "TEDPolicy, featurizer: [{name: MaxHistoryTrackerFeaturizer, max_history: '3'}]",
            [{"name": "MaxHistoryTrackerFeaturizer", "max_history": 3}],
        ),
        ("UnexpecTEDIntentPolicy, ignore_intents_list: [greet]", ["greet"]),
        ("FallbackPolicy, nlu_threshold: '0.4'", 0.4),
    ],
)
def test_values_of_options(entry: str, meant: Any, read: Read, report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers and flags can be quoted or environment variables, null is the default, and unused options are ignored."""
    for name, value in {"SHARE": "0.4", "TURNS": "3", "FLAG": "false"}.items():
        monkeypatch.setenv(name, value)
    key = "policies" if "Policy" in entry else "pipeline"
    name, _, option = entry.partition(", ")
    config = read(f"{key}:\n- name: {name}\n  {option}\n")

    component = (config.policies if key == "policies" else config.pipeline)[0]
    assert not report.errors
    assert not report.warnings
    assert next(iter(component.options.values()), None) == meant
    assert type(next(iter(component.options.values()), None)) is type(meant)


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        ("FallbackClassifier.threshold: high", 'found "high"; expected a number from 0 to 1'),
        ("FallbackClassifier.threshold: true", 'found "true"; expected a number from 0 to 1'),
        ("CountVectorsFeaturizer.min_df: a", 'found "a"; expected a number of texts (2), or a share of them (0.5)'),
        ("CountVectorsFeaturizer.max_df: 1.5", 'found "1.5"; expected a number of texts (2), or a share of them (0.5)'),
        (
            "CountVectorsFeaturizer.analyzer: chars",
            'found "chars"; expected one of: word, char, char_wb\n  Did you mean "char"?',
        ),
        ("CountVectorsFeaturizer.max_ngram: 0", 'found "0"; expected a whole number, 1 or more'),
        ("CountVectorsFeaturizer.min_ngram: 3", 'found "3"; expected a number up to max_ngram, which is 1'),
        ("DIETClassifier.ranking_length: x", 'found "x"; expected a whole number, 0 or more'),
        ("DIETClassifier.ranking_length: 2.5", 'found "2.5"; expected a whole number, 0 or more'),
        (
            "CRFEntityExtractor.split_entities_by_comma: x",
            'found "x"; expected true or false, or a mapping from names to true or false',
        ),
        ("DucklingEntityExtractor.timeout: x", 'found "x"; expected a number, 0 or more'),
        (
            "WhitespaceTokenizer.token_pattern: (",
            'found "("; expected a regular expression (missing ), unterminated subpattern at position 0)',
        ),
        ("MitieFeaturizer.alias: [a]", "found a list; expected a text"),
        ("DIETClassifier.ranking_length: 1e999", 'found "inf"; expected a whole number, 0 or more'),
        ("DucklingEntityExtractor.timeout: '1e999'", 'found "1e999"; expected a number, 0 or more'),
        ("RulePolicy.core_fallback_threshold: x", 'found "x"; expected a number from 0 to 1'),
        ("RulePolicy.priority: high", 'found "high"; expected a whole number'),
        ("TEDPolicy.e2e_confidence_threshold: x", 'found "x"; expected a number from 0 to 1'),
        ("UnexpecTEDIntentPolicy.tolerance: x", 'found "x"; expected a number from 0 to 1'),
        (
            "TEDPolicy.featurizer: [{max_history: x}]",
            "found a list; expected a list of featurizers with a number of turns as max_history",
        ),
        ("TwoStageFallbackPolicy.core_threshold: x", 'found "x"; expected a number from 0 to 1'),
    ],
)
def test_wrong_values_of_options(option: str, complaint: str, read: Read, report: Report) -> None:
    """Each wrong value is an error at its line with the expected type, and training does not start."""
    name, _, option = option.partition(".")
    key = "policies" if "Policy" in name else "pipeline"
    read(f"{key}:\n- name: {name}\n  {option}\n")

    (problem,) = report.errors
    assert str(problem) == f"file.yml:3  {key}.{name}.{option.partition(':')[0]}  [config.option]\n  {complaint}"


@pytest.mark.parametrize(
    ("component", "option", "suggestion"),
    [
        ("FallbackClassifier", "ambiguity_threshod", 'Did you mean "ambiguity_threshold"?'),
        ("CountVectorsFeaturizer", "min_ngrm", 'Did you mean "min_ngram"?'),
        ("DIETClassifier", "epoch", 'Did you mean "epochs"?'),
        ("RulePolicy", "core_fallback_treshold", 'Did you mean "core_fallback_threshold"?'),
        ("FallbackPolicy", "nlu_treshold", 'Did you mean "nlu_threshold"?'),
        ("EntitySynonymMapper", "xyz", ""),
    ],
)
def test_unknown_options(component: str, option: str, suggestion: str, read: Read, report: Report) -> None:
    """An option that Rasa's component does not have is a warning at its line."""
    key = "policies" if "Policy" in component else "pipeline"
    read(f"{key}:\n- name: {component}\n  {option}: 1\n")

    (warning,) = report.warnings
    assert not report.errors
    assert str(warning) == (
        f"file.yml:3  {key}.{component}.{option}  [config.unknown-option]\n"
        f'  found the option "{option}"; expected an option that {component} has (this one is ignored)'
        + (f"\n  {suggestion}" if suggestion else "")
    )


@pytest.mark.parametrize("option", ["epochs: 5", "use_gpu: false", "drop_rate: 0.1", "hidden_layers_sizes: {text: []}"])
def test_options_of_a_network_are_accepted(option: str, read: Read, report: Report) -> None:
    """Options of Rasa's neural networks, which have no effect here, are accepted."""
    read(f"pipeline:\n- name: DIETClassifier\n  {option}\npolicies:\n- name: TEDPolicy\n  {option}\n")

    assert not report.errors
    assert not report.warnings


def test_threshold_above_one(read: Read, report: Report) -> None:
    """A threshold above 1 is used as written, as in Rasa, with a warning that suggests a fraction."""
    config = read("pipeline:\n- name: WhitespaceTokenizer\n- name: FallbackClassifier\n  threshold: 70\n")

    assert config.pipeline[1].options == {"threshold": 70}
    assert not report.errors
    assert [(problem.line, problem.code) for problem in report.warnings] == [(4, "config.option")]
    assert "did you mean 0.7?" in report.warnings[0].suggestion


def test_importer_of_the_project(read: Read, report: Report) -> None:
    """An importer class of the project is not run: the files are read as usual, with a warning."""
    read("importers:\n- name: mine.Importer\n")

    assert not report.errors
    assert [(problem.line, problem.code) for problem in report.warnings][-1] == (2, "config.importer")
