"""Replaces Rasa 2.x policies with their successors: components, options and rules. Called by `reading`.

The contract (§1.1) describes how Manent reads `FallbackPolicy`, `TwoStageFallbackPolicy`, `FormPolicy`,
`MappingPolicy`, `SklearnPolicy` and others. The file `config.yml` is not changed.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from manent.core.config_options import TEXT, THRESHOLD, TURNS, Options, whole
from manent.core.training_data import (
    ActionStep,
    AssistantConfig,
    ComponentConfig,
    LoopStep,
    OrStep,
    Rule,
    Step,
    Stories,
    UserStep,
    Where,
)
from manent.project.problems import Report

_FALLBACK = {
    "nlu_threshold": THRESHOLD,
    "ambiguity_threshold": THRESHOLD,
    "core_threshold": THRESHOLD,
    "fallback_action_name": TEXT,
    "fallback_core_action_name": TEXT,
}
_TWO_STAGE_NAMES = frozenset({"fallback_nlu_action_name", "deny_suggestion_intent_name"})
_ANY = Options(values={}, is_complete=False)
_HISTORY = Options(values={"max_history": TURNS, "priority": whole()}, is_complete=False)

OLD_POLICIES: dict[str, Options] = {
    "FallbackPolicy": Options(values=_FALLBACK, is_complete=False),
    "TwoStageFallbackPolicy": Options(values=_FALLBACK, ignored=_TWO_STAGE_NAMES, is_complete=False),
    "FormPolicy": _ANY,
    "MappingPolicy": _ANY,
    "SklearnPolicy": _HISTORY,
    "EmbeddingPolicy": _HISTORY,
    "KerasPolicy": _HISTORY,
}
"""2.x policies, and those of their options that have an effect."""
_LEARNED = ("SklearnPolicy", "EmbeddingPolicy", "KerasPolicy")
_FALLBACKS = ("FallbackPolicy", "TwoStageFallbackPolicy")
_REPLACED_BY_RULES = ("FormPolicy", "MappingPolicy", *_FALLBACKS)
_KEPT_OPTIONS = ("max_history", "priority", "featurizer")
_OWN_ACTIONS = {"restart": "action_restart", "back": "action_back", "session_start": "action_session_start"}
"""Intents that trigger an action without a rule."""

_TWO_STAGE = "action_two_stage_fallback"


def convert_policies(
    config: AssistantConfig,
    stories: Stories,
    triggers: Mapping[str, tuple[str, Where]],
    report: Report,
) -> tuple[AssistantConfig, Stories]:
    """Return the configuration without 2.x policies, and the stories with the rules that replace these policies.

    Args:
        config: the configuration.
        stories: stories and rules.
        triggers: intent → action of the domain's `triggers:`.
        report: receives the warnings.
    """
    names = [policy.name for policy in config.policies]
    rules: list[Rule] = []
    fallback = next((policy for policy in config.policies if policy.name in _FALLBACKS), None)
    if fallback is not None:
        config = _with_fallback(config, fallback)
        rules += _fallback_rule(fallback, stories)
    if triggers:
        rules += _trigger_rules(triggers, stories, report, has_policy="MappingPolicy" in names)
    is_replaced = any(name in _REPLACED_BY_RULES for name in names)
    policies = _without_old(config.policies)
    has_rule_policy = any(policy.name == "RulePolicy" for policy in policies)
    if not has_rule_policy and (is_replaced or rules):
        # Without a fallback policy, Rasa 2.x runs the predicted action even if its confidence is very low.
        options = _core_fallback(fallback) or {"enable_fallback_prediction": False}
        policies.append(ComponentConfig(name="RulePolicy", options=options))
    elif fallback is not None:
        core = _core_fallback(fallback)
        policies = [
            replace(policy, options=core | policy.options) if policy.name == "RulePolicy" else policy
            for policy in policies
        ]
    return replace(config, policies=tuple(policies)), replace(stories, rules=(*stories.rules, *rules))


def _without_old(policies: tuple[ComponentConfig, ...]) -> list[ComponentConfig]:
    kept: list[ComponentConfig] = []
    for policy in policies:
        if policy.name in _REPLACED_BY_RULES:
            continue
        if policy.name in _LEARNED:
            if any(other.name == "TEDPolicy" for other in policies) or any(one.name == "TEDPolicy" for one in kept):
                continue
            options = {key: value for key, value in policy.options.items() if key in _KEPT_OPTIONS}
            kept.append(replace(policy, name="TEDPolicy", options=options))
        else:
            kept.append(policy)
    return kept


def _with_fallback(config: AssistantConfig, fallback: ComponentConfig) -> AssistantConfig:
    """Set the policy's thresholds in a FallbackClassifier.

    If the project already lists this component, keep its options.
    """
    own = [component for component in config.pipeline if component.name != "FallbackClassifier" or component.where.file]
    if any(component.name == "FallbackClassifier" for component in own):
        return config
    options = {
        "threshold": fallback.options.get("nlu_threshold", 0.3),
        "ambiguity_threshold": fallback.options.get("ambiguity_threshold", 0.1),
    }
    classifier = ComponentConfig(name="FallbackClassifier", options=options, where=fallback.where)
    return replace(config, pipeline=(*own, classifier))


def _core_fallback(fallback: ComponentConfig | None) -> dict[str, Any]:
    if fallback is None:
        return {}
    key = "fallback_core_action_name" if fallback.name == "TwoStageFallbackPolicy" else "fallback_action_name"
    return {
        "core_fallback_threshold": fallback.options.get("core_threshold", 0.3),
        "core_fallback_action_name": fallback.options.get(key, "action_default_fallback"),
    }


def _fallback_rule(fallback: ComponentConfig, stories: Stories) -> list[Rule]:
    if "nlu_fallback" in _handled(stories):
        return []
    where = fallback.where
    steps: tuple[Step, ...]
    if fallback.name == "TwoStageFallbackPolicy":
        steps = (ActionStep(name=_TWO_STAGE, where=where), LoopStep(name=_TWO_STAGE, where=where))
    else:
        action = fallback.options.get("fallback_action_name", "action_default_fallback")
        steps = (ActionStep(name=str(action), where=where),)
    steps = (UserStep(intent="nlu_fallback", where=where), *steps)
    return [Rule(name=f"nlu_fallback ({fallback.name})", steps=steps, where=where)]


def _trigger_rules(
    triggers: Mapping[str, tuple[str, Where]], stories: Stories, report: Report, *, has_policy: bool
) -> list[Rule]:
    handled = _handled(stories)
    rules = []
    for intent, (action, where) in triggers.items():
        if _OWN_ACTIONS.get(intent) == action:
            continue
        if not has_policy or intent in _OWN_ACTIONS:
            reason = "a MappingPolicy in config.yml" if not has_policy else f"{_OWN_ACTIONS[intent]}, as always"
            report.warn(
                where.file,
                where.line,
                f"intents.{intent}.triggers",
                "intents.triggers",
                found=f'triggers: "{action}", which is ignored',
                expected=reason,
                suggestion=f"Write a rule: {intent}, then {action}",
            )
        elif _is_told_otherwise(intent, action, stories):
            report.warn(
                where.file,
                where.line,
                f"intents.{intent}.triggers",
                "intents.triggers",
                found=f'triggers: "{action}", but a story has another action after {intent}',
                expected=f"stories in which only {action} follows {intent} (the stories have precedence)",
                suggestion=f"Remove the trigger, or use {action} in the stories",
            )
        elif intent not in handled:
            steps = (UserStep(intent=intent, where=where), ActionStep(name=action, where=where))
            rules.append(Rule(name=f"{intent} triggers {action}", steps=steps, where=where))
    return rules


def _is_told_otherwise(intent: str, action: str, stories: Stories) -> bool:
    """Return whether a story continues after an intent with an action other than its trigger, or with more actions."""
    for story in stories.stories:
        acts = [step for step in story.steps if isinstance(step, UserStep | OrStep | ActionStep)]
        for turn, answer, more in zip(acts, acts[1:], [*acts[2:], None], strict=False):
            if intent not in _intents(turn) or not isinstance(answer, ActionStep):
                continue
            if answer.name != action or isinstance(more, ActionStep):
                return True
    return False


def _intents(step: Step) -> set[str | None]:
    """Return the intents of a user turn."""
    if isinstance(step, OrStep):
        return {each.intent for each in step.alternatives if isinstance(each, UserStep)}
    return {step.intent} if isinstance(step, UserStep) else set()


def _handled(stories: Stories) -> set[str]:
    """Return the intents for which a rule with one turn already exists."""
    handled: set[str] = set()
    for rule in stories.rules:
        first = rule.steps[0] if rule.steps else None
        if rule.conditions:
            continue
        if isinstance(first, UserStep) and first.intent:
            handled.add(first.intent)
        elif isinstance(first, OrStep):
            handled |= {intent for intent in _intents(first) if intent}
    return handled
