"""Policies of Rasa 2.x."""

import pytest

from manent.core.training_data import (
    ActionStep,
    AssistantConfig,
    ComponentConfig,
    LoopStep,
    Rule,
    Step,
    Stories,
    UserStep,
    Where,
)
from manent.project.problems import Report
from manent.project.settings.policies_2x import convert_policies

HERE = Where(file="config.yml", line=3)


def config(*names: str, **options: object) -> AssistantConfig:
    """Return a configuration with these policies and with options for the first policy."""
    policies = [
        ComponentConfig(name=name, options=dict(options) if not index else {}) for index, name in enumerate(names)
    ]
    return AssistantConfig(pipeline=(ComponentConfig(name="DIETClassifier", where=HERE),), policies=tuple(policies))


def names(config: AssistantConfig) -> list[str]:
    """Return the names of the policies."""
    return [policy.name for policy in config.policies]


def steps(rule: Rule) -> list[Step]:
    """Return the steps of a rule without the user's steps."""
    return [step for step in rule.steps if not isinstance(step, UserStep)]


def test_fallback_policy(report: Report) -> None:
    """FallbackPolicy becomes a FallbackClassifier, options of RulePolicy and a rule with the fallback action."""
    converted, stories = convert_policies(
        config(
            "FallbackPolicy", "MemoizationPolicy", nlu_threshold=0.6, core_threshold=0.2, fallback_action_name="utter_x"
        ),
        Stories(),
        {},
        report,
    )

    assert converted.pipeline[-1].name == "FallbackClassifier"
    assert converted.pipeline[-1].options == {"threshold": 0.6, "ambiguity_threshold": 0.1}
    assert names(converted) == ["MemoizationPolicy", "RulePolicy"]
    assert converted.policies[-1].options == {
        "core_fallback_threshold": 0.2,
        "core_fallback_action_name": "utter_x",
    }
    (rule,) = stories.rules
    assert [step.name for step in steps(rule) if isinstance(step, ActionStep)] == ["utter_x"]


def test_default_classifier_gives_way(report: Report) -> None:
    """A FallbackClassifier that the project lists is kept, and that of the default pipeline is replaced."""
    listed = ComponentConfig(name="FallbackClassifier", options={"threshold": 0.9}, where=HERE)
    default = ComponentConfig(name="FallbackClassifier", options={"threshold": 0.3})
    for component, threshold in ((listed, 0.9), (default, 0.6)):
        before = AssistantConfig(
            pipeline=(component,),
            policies=(ComponentConfig(name="FallbackPolicy", options={"nlu_threshold": 0.6}),),
        )
        converted, _ = convert_policies(before, Stories(), {}, report)

        assert [part.options["threshold"] for part in converted.pipeline] == [threshold]


def test_two_stage_fallback(report: Report) -> None:
    """TwoStageFallbackPolicy becomes a rule with the two-stage action."""
    converted, stories = convert_policies(
        config("TwoStageFallbackPolicy", "RulePolicy", fallback_core_action_name="utter_y"), Stories(), {}, report
    )

    assert names(converted) == ["RulePolicy"]
    assert converted.policies[0].options["core_fallback_action_name"] == "utter_y"
    action, loop = steps(stories.rules[0])
    assert isinstance(action, ActionStep)
    assert isinstance(loop, LoopStep)
    assert action.name == loop.name == "action_two_stage_fallback"


def test_own_rule_wins(report: Report) -> None:
    """If a project has a rule for `nlu_fallback`, no rule is added."""
    own = Rule(name="own", steps=(UserStep(intent="nlu_fallback"), ActionStep(name="utter_z")))

    _, stories = convert_policies(config("FallbackPolicy"), Stories(rules=(own,)), {}, report)

    assert stories.rules == (own,)


@pytest.mark.parametrize("name", ["FormPolicy", "MappingPolicy"])
def test_replaced_by_rule_policy(name: str, report: Report) -> None:
    """The policies for forms and triggers become RulePolicy."""
    converted, _ = convert_policies(config("MemoizationPolicy", name), Stories(), {}, report)

    assert names(converted) == ["MemoizationPolicy", "RulePolicy"]


def test_triggers_become_rules(report: Report) -> None:
    """With MappingPolicy, a trigger becomes a rule, unless the intent already has its effect."""
    triggers = {"help": ("action_help", HERE), "restart": ("action_restart", HERE)}

    _, stories = convert_policies(config("MappingPolicy"), Stories(), triggers, report)

    (rule,) = stories.rules
    assert rule.steps == (UserStep(intent="help", where=HERE), ActionStep(name="action_help", where=HERE))
    assert not report.warnings


def test_triggers_without_mapping_policy(report: Report) -> None:
    """Without MappingPolicy, triggers have no effect, as in 2.x, and a warning reports them."""
    _, stories = convert_policies(config("RulePolicy"), Stories(), {"help": ("action_help", HERE)}, report)

    assert stories.rules == ()
    assert [problem.code for problem in report.warnings] == ["intents.triggers"]


@pytest.mark.parametrize("name", ["SklearnPolicy", "KerasPolicy", "EmbeddingPolicy"])
def test_learned_policies(name: str, report: Report) -> None:
    """An older learned policy becomes TEDPolicy, of which the result has only one."""
    converted, _ = convert_policies(config(name, max_history=4, n_jobs=2), Stories(), {}, report)
    both, _ = convert_policies(config(name, "TEDPolicy"), Stories(), {}, report)

    assert converted.policies == (ComponentConfig(name="TEDPolicy", options={"max_history": 4}),)
    assert names(both) == ["TEDPolicy"]


def test_todays_policies_stay(report: Report) -> None:
    """A configuration with current policies is returned unchanged."""
    before = config("MemoizationPolicy", "RulePolicy", "TEDPolicy", max_history=3)

    assert convert_policies(before, Stories(), {}, report) == (before, Stories())
