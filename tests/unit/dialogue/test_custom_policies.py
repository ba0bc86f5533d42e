"""Policies of a project: policies for Manent, and policies that were written for Rasa."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from manent.core.errors import ProjectError
from manent.core.events import ActionExecuted, BotUttered, SlotSet
from manent.dialogue.model import DialogueModel
from unit.dialogue.talking import Talk, train

FOLDER = Path(__file__).parents[2] / "assistants/rasa_components"

DOMAIN = """
intents: [greet, order]
responses:
  utter_greet: [{text: "Hello."}]
  utter_order: [{text: "Noted."}]
  utter_calm: [{text: "Calm down."}]
  utter_bye: [{text: "Bye."}]
slots: {size: {type: text, influence_conversation: false, mappings: [{type: from_text}]}}
forms: {order_form: {required_slots: [size]}}
"""
DATA = """
nlu:
  - {intent: greet, examples: "- hello\\n"}
  - {intent: order, examples: "- order\\n"}
stories:
  - story: hello
    steps: [{intent: greet}, {action: utter_greet}]
rules:
  - rule: order
    steps: [{intent: order}, {action: utter_order}]
"""


@pytest.fixture(autouse=True)
def _components(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The project's folder is on the import path, and its modules are removed after the test."""
    monkeypatch.syspath_prepend(str(FOLDER))
    finders = list(sys.meta_path)
    yield
    sys.meta_path[:] = finders
    for name in [name for name in sys.modules if name.partition(".")[0] in ("rasa", "components")]:
        del sys.modules[name]


def said(talk: Talk, intent: str, text: str = "") -> list[str | None]:
    """Send a message with this intent, and return the texts of the bot's messages."""
    start = len(talk.events)
    talk.say(text or intent, intent)
    return [event.text for event in talk.events[start:] if isinstance(event, BotUttered)]


def ran(talk: Talk) -> list[ActionExecuted]:
    """Return the actions that ran."""
    return [event for event in talk.events if isinstance(event, ActionExecuted)]


def trained(root: Path, policies: str) -> DialogueModel:
    """Return the model of an assistant with these policies."""
    config = f"recipe: default.v1\nlanguage: en\npipeline: [{{name: WhitespaceTokenizer}}]\npolicies: [{policies}]\n"
    return train(root, domain=DOMAIN, data=DATA, config=config)


def test_a_policy_of_rasa_learns_and_predicts(tmp_path: Path) -> None:
    """It learns from the stories and stores a file. The log has its name, priority and confidence."""
    talk = Talk(trained(tmp_path, "{name: components.policies.TablePolicy, sure: 0.8}, {name: RulePolicy}"))

    assert said(talk, "greet") == ["Hello."]
    assert said(talk, "order") == ["Noted."]
    by = {each.name: (each.policy, each.confidence) for each in ran(talk)}
    assert by["utter_greet"] == ("TablePolicy", 0.8)
    assert by["utter_order"] == ("RulePolicy", 1.0)


def test_a_class_that_extends_rules_runs_forms(tmp_path: Path) -> None:
    """Predictions of the class come before those of the built-in policy. Forms need no other RulePolicy."""
    talk = Talk(trained(tmp_path, "{name: components.policies.PatientRules}"))

    assert said(talk, "order") == ["Noted."]
    assert said(talk, "order", "now!") == ["Calm down."]
    assert {each.policy for each in ran(talk) if (each.name or "").startswith("utter")} == {"PatientRules"}


def test_a_class_that_extends_rules_and_adds_nothing(tmp_path: Path) -> None:
    """The built-in policy runs under the name of the class, with its options."""
    talk = Talk(trained(tmp_path, "{name: components.policies.PlainRules, core_fallback_threshold: 0.4}"))

    assert said(talk, "order") == ["Noted."]
    assert {each.policy for each in ran(talk) if each.name == "utter_order"} == {"PlainRules"}


def test_a_policy_for_manent(tmp_path: Path) -> None:
    """It has four methods, plain data, and files in the model."""
    policies = "{name: RulePolicy}, {name: components.policies.CountingPolicy, limit: 2, priority: 6}"
    talk = Talk(trained(tmp_path, policies))

    assert said(talk, "order") == ["Noted."]
    assert said(talk, "order") == ["Bye."]


def test_a_policy_reads_states(tmp_path: Path) -> None:
    """A policy learns and predicts from the states before the actions, which contain intent, slots and form."""
    policies = "{name: components.published_policies.NearestStatePolicy}, {name: RulePolicy}"
    talk = Talk(trained(tmp_path, policies))

    assert said(talk, "greet") == ["Hello."]
    assert said(talk, "order") == ["Noted."]
    by = {each.name: each.policy for each in ran(talk)}
    assert by["utter_greet"] == "NearestStatePolicy"


def test_a_class_that_extends_memoization(tmp_path: Path) -> None:
    """A condition of the class decides whether the prediction of the built-in policy is used."""
    answers = []
    for least in (0.2, 1.1):
        policy = f"{{name: components.published_policies.LowConfidenceMemoization, least: {least}, max_history: 3}}"
        policy += ", {name: RulePolicy}"
        (tmp_path / str(least)).mkdir()
        answers.append(said(Talk(trained(tmp_path / str(least), policy)), "greet"))

    assert answers == [["Hello."], []]


def test_a_class_that_extends_rules_and_records_events(tmp_path: Path) -> None:
    """The log has the events of a prediction that extends the built-in policy's prediction."""
    talk = Talk(trained(tmp_path, "{name: components.published_policies.RememberingRules}"))

    assert said(talk, "order") == ["Noted."]
    assert [event.value for event in talk.events if isinstance(event, SlotSet)][-1] == "order"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("NoSuchPolicy", 'no class "NoSuchPolicy" in the module components.policies'),
        ("OldPolicy", "a policy without `@DefaultV1Recipe.register"),
        ("StatesPolicy", "TrackerWithCachedStates.as_dialogue is not provided by Manent"),
    ],
)
def test_a_policy_that_cannot_run_is_an_error_with_its_line(name: str, found: str, tmp_path: Path) -> None:
    """The error names the line of `config.yml`, and nothing else is reported about the project."""
    with pytest.raises(ProjectError) as caught:
        trained(tmp_path, f"{{name: components.policies.{name}}}, {{name: RulePolicy}}")

    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.code) == ("config.yml", 4, "config.custom-policy")
    assert found in problem.found


def test_the_policy_of_the_documentation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example in docs/extending.md offers help when a visitor repeats a message."""
    page = (Path(__file__).parents[3] / "docs/extending.md").read_text(encoding="utf-8")
    code = page.partition("## A policy")[2].partition("```python\n")[2].partition("```")[0]
    (tmp_path / "page_policies.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    policies = "{name: RulePolicy}, {name: page_policies.RepetitionPolicy, action: utter_calm, priority: 5}"
    talk = Talk(trained(tmp_path, policies))

    assert [said(talk, "order"), said(talk, "order")] == [["Noted."], ["Calm down."]]
