"""Rules: which rule applies, and which rules training rejects."""

from pathlib import Path
from typing import TypeGuard

import pytest

from manent.core.errors import Problem, ProjectError
from manent.core.events import ActionExecuted, SlotSet
from manent.core.tracker import Tracker
from manent.dialogue.model import train_dialogue
from manent.dialogue.steps import CallAction
from unit.dialogue.talking import CONFIG, Answer, Talk, said, train, write_project

DOMAIN = """
intents: [a, b, c]
entities: [thing]
slots:
  flag: {type: bool, mappings: [{type: custom}]}
  word: {type: text, mappings: [{type: from_entity, entity: thing}]}
  quiet: {type: text, influence_conversation: false, mappings: [{type: custom}]}
forms: {f: {required_slots: [quiet]}}
responses:
  utter_one: [{text: one}]
  utter_two: [{text: two}]
  utter_three: [{text: three}]
  utter_default: [{text: pardon}]
"""


def talk_by(tmp_path: Path, data: str, config: str = CONFIG) -> Talk:
    """Return a conversation with an assistant that has these rules and stories."""
    return Talk(train(tmp_path, domain=DOMAIN, data=data, config=config))


def problems_of(tmp_path: Path, data: str, config: str = CONFIG) -> list[Problem]:
    """Return the problems that training reports."""
    project = write_project(tmp_path, domain=DOMAIN, data=data, config=config)
    with pytest.raises(ProjectError) as caught:
        train_dialogue(project.config, project.domain, project.stories)
    return caught.value.problems


def test_longer_rule_wins(tmp_path: Path) -> None:
    """If two rules apply, the more specific one is used, in either order."""
    talk = talk_by(
        tmp_path,
        """
rules:
  - {rule: any, steps: [{intent: a}, {action: utter_one}]}
  - {rule: named, steps: [{intent: a, entities: [thing]}, {slot_was_set: [word]}, {action: utter_two}]}
""",
    )

    assert said(talk.intent("a", thing="x")) == ["two"]
    assert said(talk.intent("b")) == ["pardon"]


def test_condition_on_a_slot(tmp_path: Path) -> None:
    """A condition compares a slot's features; null requires that the slot is not set."""
    talk = talk_by(
        tmp_path,
        """
rules:
  - {rule: yes, condition: [{slot_was_set: [{flag: true}]}], steps: [{intent: a}, {action: utter_one}]}
  - {rule: no, condition: [{slot_was_set: [{flag: false}]}], steps: [{intent: a}, {action: utter_two}]}
  - {rule: unset, condition: [{slot_was_set: [{flag: null}]}], steps: [{intent: a}, {action: utter_three}]}
""",
    )
    answers = []
    for value in (None, True, False):
        turn = talk.turn()
        talk.drive(turn, turn.apply([SlotSet(name="flag", value=value)]))
        answers += said(talk.intent("a"))

    assert answers == ["three", "one", "two"]


def test_conversation_start(tmp_path: Path) -> None:
    """A rule with `conversation_start` applies only at the start of a conversation and after a restart."""
    talk = talk_by(
        tmp_path,
        """
rules:
  - {rule: first, conversation_start: true, steps: [{intent: a}, {action: utter_one}]}
  - {rule: later, steps: [{intent: a}, {action: utter_two}]}
""",
    )

    assert said(talk.intent("a")) == ["one"]
    assert said(talk.intent("a")) == ["two"]
    talk.intent("restart")
    assert said(talk.intent("a")) == ["one"]


def test_start_is_not_forgotten_with_the_window(tmp_path: Path) -> None:
    """A tracker without its oldest events is not mistaken for a new conversation."""
    talk = talk_by(
        tmp_path,
        """
rules:
  - {rule: first, conversation_start: true, steps: [{intent: a}, {action: utter_one}]}
  - {rule: later, steps: [{intent: a}, {action: utter_two}]}
""",
    )
    for _ in range(60):
        talk.intent("a")
        talk.tracker.trim(talk.model.window)

    assert talk.tracker.truncated
    assert said(talk.intent("a")) == ["two"]


def test_rule_without_waiting_goes_on(tmp_path: Path) -> None:
    """After a rule that does not wait, the rule that begins with its last action continues."""
    talk = talk_by(
        tmp_path,
        """
rules:
  - {rule: ask, steps: [{intent: a}, {action: utter_one}], wait_for_user_input: false}
  - {rule: then, steps: [{action: utter_one}, {action: utter_two}]}
""",
    )

    assert said(talk.intent("a")) == ["one", "two"]


def test_rule_beats_story(tmp_path: Path) -> None:
    """The action of a rule takes precedence over the action of a story."""
    config = CONFIG.replace("{name: RulePolicy}", "{name: RulePolicy, check_for_contradictions: false}")
    talk = talk_by(
        tmp_path,
        """
rules: [{rule: r, steps: [{intent: a}, {action: utter_one}]}]
stories: [{story: s, steps: [{intent: a}, {action: utter_two}]}]
""",
        config,
    )

    assert said(talk.intent("a")) == ["one"]


def test_no_fallback_when_it_is_off(tmp_path: Path) -> None:
    """Without the core fallback, the bot listens after an unknown message."""
    config = CONFIG.replace("{name: RulePolicy}", "{name: RulePolicy, enable_fallback_prediction: false}")
    talk = talk_by(tmp_path, "rules: [{rule: r, steps: [{intent: a}, {action: utter_one}]}]", config)

    assert said(talk.intent("b")) == []
    assert talk.tracker.latest_action_name == "action_listen"


def test_contradicting_rules_are_located(tmp_path: Path) -> None:
    """If two rules answer a message with different actions, both are reported, with the line."""
    found = problems_of(
        tmp_path,
        """
rules:
  - {rule: one, steps: [{intent: a}, {action: utter_one}]}
  - {rule: two, steps: [{intent: a}, {action: utter_two}]}
""",
    )

    assert [(problem.code, problem.line) for problem in found] == [("rule.contradicts-rule", 5)]
    assert '"one"' in found[0].expected


def test_story_that_contradicts_a_rule_is_located(tmp_path: Path) -> None:
    """If a story and a rule continue differently, the story is reported, with the line of its action."""
    found = problems_of(
        tmp_path,
        """
rules:
  - {rule: one, steps: [{intent: a}, {action: utter_one}]}
stories:
  - story: s
    steps:
      - intent: a
      - action: utter_two
""",
    )

    assert [(problem.code, problem.line) for problem in found] == [("story.contradicts-rule", 9)]


def test_incomplete_rule_is_refused(tmp_path: Path) -> None:
    """A rule is incomplete if it omits a slot that another rule sets after the same action."""
    found = problems_of(
        tmp_path,
        """
rules:
  - {rule: r, steps: [{intent: a}, {action: utter_one}, {slot_was_set: [{flag: true}]}, {action: utter_two}]}
  - {rule: s, steps: [{intent: b}, {action: utter_one}, {action: utter_two}]}
""",
    )

    assert ("rule.incomplete", "rules.s") in {(problem.code, problem.path) for problem in found}


def test_last_action_without_waiting_needs_no_slot(tmp_path: Path) -> None:
    """A rule need not mention a slot that its last action sets; other rules must mention it."""
    found = problems_of(
        tmp_path,
        """
rules:
  - {rule: r, steps: [{intent: a}, {action: utter_one}, {slot_was_set: [{flag: true}]}, {action: action_restart}]}
  - {rule: s, wait_for_user_input: false, steps: [{intent: b}, {action: utter_one}]}
  - {rule: t, wait_for_user_input: false, steps: [{intent: c}, {action: utter_two}, {slot_was_set: [{flag: true}]}]}
  - {rule: u, steps: [{intent: d}, {action: utter_two}]}
""",
    )

    assert [problem.path for problem in found if problem.code == "rule.incomplete"] == ["rules.u"]


def test_an_incomplete_rule_hides_no_other_mistake(tmp_path: Path) -> None:
    """Contradictions between complete rules are reported together with an incomplete rule."""
    found = problems_of(
        tmp_path,
        """
rules:
  - {rule: r, steps: [{intent: a}, {action: utter_one}, {slot_was_set: [{flag: true}]}, {action: utter_two}]}
  - {rule: s, steps: [{intent: b}, {action: utter_one}, {action: utter_two}]}
  - {rule: one, steps: [{intent: c}, {action: utter_two}]}
  - {rule: two, steps: [{intent: c}, {action: action_restart}]}
""",
    )

    assert {(problem.code, problem.path) for problem in found} >= {
        ("rule.incomplete", "rules.s"),
        ("rule.contradicts-rule", "rules.two"),
    }


@pytest.mark.parametrize(
    "slot", ["{type: bool, initial_value: false}", "{type: float, initial_value: 0}", "{type: text, initial_value: x}"]
)
def test_slot_with_initial_value_needs_no_mention(tmp_path: Path, slot: str) -> None:
    """A rule need not mention a slot that has an initial value, even if other rules set the slot."""
    domain = DOMAIN.replace("{type: bool,", slot.replace("}", ","))
    data = """
rules:
  - {rule: r, steps: [{intent: a}, {action: utter_one}, {slot_was_set: [{flag: true}]}, {action: utter_two}]}
  - {rule: s, steps: [{intent: b}, {action: utter_one}]}
"""

    assert said(Talk(train(tmp_path, domain=domain, data=data)).intent("b")) == ["one"]


def test_condition_is_nothing_that_the_first_action_sets(tmp_path: Path) -> None:
    """A rule with a condition and no user turn does not require other rules to mention the condition's slot."""
    talk = talk_by(
        tmp_path,
        """
rules:
  - {rule: r, condition: [{slot_was_set: [{flag: true}]}], steps: [{action: utter_one}, {action: utter_two}]}
  - {rule: s, steps: [{intent: a}, {action: utter_one}], wait_for_user_input: false}
  - {rule: t, condition: [{slot_was_set: [{flag: null}]}], steps: [{action: utter_one}, {action: utter_three}]}
""",
    )

    assert said(talk.intent("a")) == ["one", "three"]


def test_rule_does_not_go_on_where_a_form_has_asked(tmp_path: Path) -> None:
    """After a form has asked for a slot, the only possible next action is to listen."""
    found = problems_of(
        tmp_path,
        """
rules:
  - {rule: r, steps: [{intent: a}, {action: f}, {active_loop: f}, {action: utter_one}]}
""",
    )

    assert [(problem.code, problem.found) for problem in found] == [("rule.contradicts-rule", '"utter_one"')]


def test_what_follows_in_a_hidden_loop_is_hidden(tmp_path: Path) -> None:
    """If only rules have a form, stories continue after the form as if it had not run."""
    talk = talk_by(
        tmp_path,
        """
rules:
  - {rule: form, steps: [{intent: c}, {action: f}, {active_loop: f}]}
stories:
  - {story: s, steps: [{intent: a}, {action: utter_one}, {intent: b}, {action: utter_two}]}
""",
    )
    talk.intent("a")
    talk.intent("c")

    assert said(talk.intent("b")) == ["two"]


UNCHECKED = CONFIG.replace("{name: RulePolicy}", "{name: RulePolicy, check_for_contradictions: false}")


def test_unchecked_rules_that_contradict_each_other_say_nothing(tmp_path: Path) -> None:
    """With `check_for_contradictions: false`, contradicting rules predict nothing."""
    talk = talk_by(
        tmp_path,
        """
rules:
  - {rule: one, steps: [{intent: a}, {action: utter_one}]}
  - {rule: other, steps: [{intent: a}, {action: utter_two}]}
  - {rule: clear, steps: [{intent: b}, {action: utter_three}]}
""",
        UNCHECKED,
    )

    assert said(talk.intent("a")) == ["pardon"]
    assert said(talk.intent("b")) == ["three"]


def test_turns_of_unchecked_rules_are_not_hidden(tmp_path: Path) -> None:
    """Turns that only rules have are hidden from other policies only if rules are compared with stories."""
    data = """
rules:
  - {rule: only here, steps: [{intent: b}, {action: utter_two}]}
stories:
  - {story: told, steps: [{intent: a}, {action: utter_one}]}
"""
    hidden = []
    for number, config in enumerate((CONFIG, UNCHECKED)):
        (tmp_path / str(number)).mkdir()
        talk = talk_by(tmp_path / str(number), data, config)
        talk.intent("b")
        hidden += [each.hide_rule_turn for each in talk.events if is_action(each, "utter_two")]

    assert hidden == [True, False]


def is_action(event: object, name: str) -> TypeGuard[ActionExecuted]:
    """Return whether an event is this action."""
    return isinstance(event, ActionExecuted) and event.name == name


def test_slots_of_a_story_begin_with_their_initial_values(tmp_path: Path) -> None:
    """A story's turn in a form applies only if the slots have the story's values, initial values included."""
    domain = DOMAIN.replace("flag: {type: bool,", "flag: {type: bool, initial_value: true,")
    data = """
rules:
  - {rule: open, steps: [{intent: a}, {action: f}, {active_loop: f}]}
  - {rule: interrupt, steps: [{intent: b}, {action: utter_two}]}
stories:
  - story: goes on otherwise
    steps:
      - {intent: a}
      - {action: f}
      - {active_loop: f}
      - {intent: b}
      - {action: utter_two}
      - {action: utter_three}
      - {action: f}
      - {active_loop: null}
      - {action: utter_one}
"""
    answers = []
    for number, flag in enumerate((True, False)):
        (tmp_path / str(number)).mkdir()
        talk = Talk(train(tmp_path / str(number), domain=domain, data=data, config=UNCHECKED))
        turn = talk.turn()
        talk.drive(turn, turn.apply([SlotSet(name="flag", value=flag)]))
        talk.intent("a")
        answers.append(said(talk.intent("b"))[:2])

    assert answers == [["two", "three"], ["two"]]


def test_a_text_rule_goes_on_after_its_first_action(tmp_path: Path) -> None:
    """A rule that begins with a text of the user applies to all of its actions and to the listening at its end."""
    talk = talk_by(tmp_path, "rules: [{rule: r, steps: [{user: just so}, {action: utter_one}, {action: utter_two}]}]")

    lines = talk.say("just so", None)

    assert said(lines) == ["one", "two"]
    assert lines[-1] == "action_listen"


def test_a_rejection_of_before_a_rewind_counts_no_more(tmp_path: Path) -> None:
    """After a rewind, the fallback action can run for a message that it rejected before."""
    domain = DOMAIN + "actions: [action_lost]\n"
    config = CONFIG.replace("{name: RulePolicy}", "{name: RulePolicy, core_fallback_action_name: action_lost}")
    tried: list[str] = []

    def lost(_: CallAction, tracker: Tracker) -> Answer:
        message = tracker.state.latest_message
        tried.append(str(message.intent) if message is not None else "")
        return Answer(rejected=True) if tried[-1] == "a" else Answer(events=({"event": "rewind"},))

    talk = Talk(train(tmp_path, domain=domain, config=config), {"action_lost": lost})
    talk.intent("a")
    talk.intent("b")

    assert tried == ["a", "b", "a"]


def test_rule_without_actions_keeps_the_bot_silent(tmp_path: Path) -> None:
    """As in Rasa, a rule that consists only of an intent lets the bot listen without a reply."""
    domain = "intents: [noise, greet]\nresponses: {utter_greet: [{text: hi}], utter_default: [{text: sorry}]}\n"
    data = """
rules:
  - {rule: noise, steps: [{intent: noise}]}
  - {rule: greet, steps: [{intent: greet}, {action: utter_greet}]}
"""
    talk = Talk(train(tmp_path, domain=domain, data=data))

    assert said(talk.intent("noise")) == []
    assert talk.tracker.latest_action_name == "action_listen"
    assert talk.intent("noise") == ["user noise", "intent", "action_listen"]
    assert said(talk.intent("greet")) == ["hi"]
