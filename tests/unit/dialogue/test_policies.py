"""Policies that learn from stories: memoization, the learned policy, unexpected intents, and the model's files."""

from pathlib import Path

import pytest

from manent.core.errors import ModelError
from manent.core.events import ActionExecuted, DefinePrevUserUtteredFeaturization
from manent.core.tracker import Tracker
from manent.dialogue.model import load_dialogue, train_dialogue
from unit.dialogue.talking import CONFIG, Talk, brief, said, train, write_project

DOMAIN = """
intents: [hi, pay, yes, no, bye, lost]
responses:
  utter_hi: [{text: hi}]
  utter_sure: [{text: sure}]
  utter_paid: [{text: paid}]
  utter_kept: [{text: kept}]
  utter_bye: [{text: bye}]
  utter_default: [{text: pardon}]
"""
STORIES = """
stories:
  - story: pay
    steps: [{intent: hi}, {action: utter_hi}, {intent: pay}, {action: utter_sure}, {checkpoint: asked}]
  - story: done
    steps: [{checkpoint: asked}, {intent: "yes"}, {action: utter_paid}]
  - story: kept
    steps: [{checkpoint: asked}, {intent: "no"}, {action: utter_kept}]
  - story: leave
    steps: [{or: [{intent: bye}, {intent: lost}]}, {action: utter_bye}]
"""
SPOKEN = """
stories:
  - story: seashells
    steps:
      - user: "can I pay with seashells"
      - bot: "We only take real money."
  - story: hello
    steps: [{intent: hi}, {action: utter_hi}]
"""


def with_policies(*policies: str) -> str:
    """Return a configuration with these policies."""
    return CONFIG.replace("[{name: MemoizationPolicy}, {name: RulePolicy}]", f"[{', '.join(policies)}]")


RULES = "{name: RulePolicy}"


def test_memoization_follows_a_story(tmp_path: Path) -> None:
    """A conversation that follows a story, also through checkpoints, gets the story's answers."""
    talk = Talk(train(tmp_path, domain=DOMAIN, data=STORIES))

    assert said(talk.intent("hi")) == ["hi"]
    assert said(talk.intent("pay")) == ["sure"]
    assert said(talk.intent("no")) == ["kept"]


def test_alternatives_are_stories_of_their_own(tmp_path: Path) -> None:
    """Each alternative of an `or` can begin the story."""
    model = train(tmp_path, domain=DOMAIN, data=STORIES)

    assert said(Talk(model).intent("bye")) == ["bye"]
    assert said(Talk(model).intent("lost")) == ["bye"]


def test_memoization_knows_nothing_else(tmp_path: Path) -> None:
    """MemoizationPolicy does not recognise the beginning of a story after other messages."""
    talk = Talk(train(tmp_path, domain=DOMAIN, data=STORIES))
    talk.intent("bye")

    assert said(talk.intent("hi")) == ["pardon"]


def test_augmented_memoization_forgets(tmp_path: Path) -> None:
    """AugmentedMemoizationPolicy ignores earlier turns until it finds a story."""
    talk = Talk(
        train(tmp_path, domain=DOMAIN, data=STORIES, config=with_policies("{name: AugmentedMemoizationPolicy}", RULES))
    )
    talk.intent("bye")

    assert said(talk.intent("hi")) == ["hi"]
    assert said(talk.intent("pay")) == ["sure"]


def test_unhandled_message_does_not_disturb(tmp_path: Path) -> None:
    """A message that the fallback reverted does not interrupt the story."""
    talk = Talk(train(tmp_path, domain=DOMAIN, data=STORIES))
    talk.intent("hi")

    assert said(talk.intent("no")) == ["pardon"]
    assert said(talk.intent("pay")) == ["sure"]


def test_history_limit(tmp_path: Path) -> None:
    """With `max_history`, only the newest states must match."""
    policy = "{name: MemoizationPolicy, max_history: 2}"
    talk = Talk(train(tmp_path, domain=DOMAIN, data=STORIES, config=with_policies(policy, RULES)))
    for intent in ("hi", "pay", "yes"):
        talk.intent(intent)

    assert said(talk.intent("bye")) == ["pardon"]


def test_learned_policy_goes_beyond_the_stories(tmp_path: Path) -> None:
    """The learned policy predicts actions in conversations that are in no story."""
    config = with_policies("{name: MemoizationPolicy}", RULES, "{name: TEDPolicy, max_history: 5}")
    talk = Talk(train(tmp_path, domain=DOMAIN, data=STORIES, config=config))
    talk.intent("bye")

    assert said(talk.intent("hi")) == ["hi"]
    assert said(talk.intent("pay")) == ["sure"]
    assert said(talk.intent("yes")) == ["paid"]
    action = next(event for event in talk.events if isinstance(event, ActionExecuted) and event.name == "utter_hi")
    assert action.policy == "TEDPolicy"


def test_learned_policy_has_no_opinion_on_the_unknown(tmp_path: Path) -> None:
    """For an intent that is in no story, the learned policy leaves the answer to the fallback."""
    config = with_policies("{name: TEDPolicy}", RULES)
    talk = Talk(train(tmp_path, domain=DOMAIN, data=STORIES, config=config))

    assert said(talk.intent("out_of_scope")) == ["pardon"]
    assert said(talk.say("gibberish", None)) == ["pardon"]


def test_text_of_a_story(tmp_path: Path) -> None:
    """A message that is similar to a story's text gets the story's answer, even if the NLU predicts another intent."""
    config = with_policies("{name: MemoizationPolicy}", RULES, "{name: TEDPolicy}")
    talk = Talk(train(tmp_path, domain=DOMAIN, data=SPOKEN, config=config))

    lines = brief(talk.say("can I pay with sea shells", "hi"))

    assert lines[1:] == ["text", "says We only take real money.", "bot We only take real money."]
    assert any(isinstance(event, DefinePrevUserUtteredFeaturization) for event in talk.events)
    assert said(talk.say("hello", "hi")) == ["hi"]


def test_unexpected_intent_is_noted(tmp_path: Path) -> None:
    """If the stories have an intent only in other places, it is recorded as unlikely before the answer."""
    many = "stories:\n" + "".join(
        f"  - story: s{number}\n    steps: [{{intent: hi}}, {{action: utter_hi}}, {{intent: pay}},"
        f' {{action: utter_sure}}, {{intent: "yes"}}, {{action: utter_paid}}]\n'
        for number in range(3)
    )
    config = with_policies("{name: UnexpecTEDIntentPolicy}", RULES, "{name: TEDPolicy}")
    talk = Talk(train(tmp_path, domain=DOMAIN, data=many, config=config))

    expected = talk.intent("hi")
    unexpected = talk.intent("yes")

    assert "action_unlikely_intent" not in expected
    assert "action_unlikely_intent" in unexpected
    assert said(unexpected) == ["paid"]


def test_unexpected_intents_can_be_ignored(tmp_path: Path) -> None:
    """An intent in `ignore_intents_list`, or any intent with a tolerance of 1, is never unlikely."""
    for option in ("ignore_intents_list: [yes]", "tolerance: 1.0"):
        config = with_policies(f"{{name: UnexpecTEDIntentPolicy, {option}}}", RULES, "{name: TEDPolicy}")
        talk = Talk(train(tmp_path, domain=DOMAIN, data=STORIES, config=config))
        talk.intent("hi")
        assert "action_unlikely_intent" not in talk.intent("yes")


def test_training_is_repeatable(tmp_path: Path) -> None:
    """Training the same project again gives identical files."""
    config = with_policies("{name: MemoizationPolicy}", RULES, "{name: TEDPolicy}", "{name: UnexpecTEDIntentPolicy}")
    project = write_project(tmp_path, domain=DOMAIN, data=STORIES, config=config)

    first = train_dialogue(project.config, project.domain, project.stories)

    assert first == train_dialogue(project.config, project.domain, project.stories)
    assert all(name.startswith("dialogue/") for name in first)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    """A model whose files are missing or have changed is rejected with an error."""
    config = with_policies("{name: TEDPolicy}", RULES)
    project = write_project(tmp_path, domain=DOMAIN, data=STORIES, config=config)
    files = train_dialogue(project.config, project.domain, project.stories)

    damaged: list[dict[str, bytes]] = [
        {name: content for name, content in files.items() if name != "dialogue/policies.json"},
        {**files, "dialogue/policies.json": b"{}"},
        {**files, "dialogue/policy_0.safetensors": b"x"},
    ]
    for damage in damaged:
        with pytest.raises(ModelError):
            load_dialogue(damage, project.domain)


def test_no_policies_no_answers(tmp_path: Path) -> None:
    """An assistant without stories and rules listens."""
    talk = Talk(train(tmp_path, domain=DOMAIN))

    assert said(talk.intent("hi")) == ["pardon"]


def test_a_checkpoint_that_leads_nowhere_ends_a_story(tmp_path: Path) -> None:
    """A story ends at a checkpoint that no story continues, without predicting that the bot listens."""
    domain = "intents: [a]\nresponses: {utter_one: [{text: one}], utter_two: [{text: two}]}\n"
    data = "stories: [{story: s, steps: [{intent: a}, {action: utter_one}, {checkpoint: nowhere}]}]"
    talk = Talk(train(tmp_path, domain=domain, data=data))

    lines = brief(talk.intent("a"))

    assert lines[:3] == ["user a", "utter_one", "bot one"]
    assert lines[3] == "action_default_fallback"


TED = with_policies("{name: MemoizationPolicy}", RULES, "{name: TEDPolicy, max_history: 5}")


def test_no_silence_after_a_message(tmp_path: Path) -> None:
    """A message gets an answer in a conversation that is in no story, with any entities and slots."""
    domain = """
intents: [hi, name_me, who, time, bye]
entities: [person, city, day, seat]
slots:
  person: {type: text, mappings: [{type: from_entity, entity: person}]}
  city: {type: text, mappings: [{type: from_entity, entity: city}]}
  day: {type: text, mappings: [{type: from_entity, entity: day}]}
  seat: {type: text, mappings: [{type: from_entity, entity: seat}]}
responses:
  utter_hi: [{text: hi}]
  utter_name: [{text: pleased}]
  utter_who: [{text: you}]
  utter_time: [{text: noon}]
  utter_bye: [{text: bye}]
"""
    data = """
stories:
  - {story: time, steps: [{intent: hi}, {action: utter_hi}, {intent: time}, {action: utter_time}]}
  - {story: name, steps: [{intent: name_me}, {action: utter_name}, {intent: who}, {action: utter_who}]}
rules:
  - {rule: bye, steps: [{intent: bye}, {action: utter_bye}]}
"""
    talk = Talk(train(tmp_path, domain=domain, data=data, config=TED))
    for intent, answer in (("hi", "hi"), ("time", "noon"), ("name_me", "pleased"), ("who", "you"), ("time", "noon")):
        assert said(talk.intent(intent, person="Kim", city="Rome", day="today", seat="window")) == [answer]
        assert said(talk.intent("bye")) == ["bye"]


def test_no_silence_after_a_form(tmp_path: Path) -> None:
    """After a form, the stories continue, even if the form filled slots that no story has."""
    slots = [f"slot_{number}" for number in range(7)]
    mapping = "{{type: text, mappings: [{{type: from_entity, entity: {0}}}]}}"
    domain = (
        f"intents: [hi, book, inform, pick, confirm, deny, change]\nentities: [{', '.join(slots)}]\nslots:\n"
        + "".join(f"  {slot}: {mapping.format(slot)}\n" for slot in slots)
        + f"forms: {{trip: {{required_slots: [{', '.join(slots)}]}}}}\nresponses:\n"
        + "".join(f"  utter_ask_{slot}: [{{text: '{slot}?'}}]\n" for slot in slots)
        + "".join(
            f"  utter_{name}: [{{text: {name}}}]\n" for name in ("hi", "found", "sure", "done", "what", "changed")
        )
    )
    booked = (
        "{intent: book}, {action: trip}, {active_loop: trip}, {active_loop: null}, {action: utter_found}, "
        "{intent: pick}, {action: utter_sure}, {intent: confirm}, {action: utter_done}"
    )
    data = f"""
stories:
  - {{story: greet, steps: [{{intent: hi}}, {{action: utter_hi}}, {booked}]}}
  - {{story: book, steps: [{booked}]}}
  - story: change
    steps: [{{intent: change}}, {{action: utter_what}}, {{intent: inform}}, {{action: utter_changed}},
            {{action: utter_found}}, {{intent: pick}}, {{action: utter_sure}}]
  - {{story: pick, steps: [{{intent: pick}}, {{action: utter_sure}}]}}
  - {{story: confirm, steps: [{{action: utter_sure}}, {{intent: confirm}}, {{action: utter_done}}]}}
  - {{story: deny, steps: [{{action: utter_sure}}, {{intent: deny}}, {{action: utter_what}}]}}
"""
    talk = Talk(train(tmp_path, domain=domain, data=data, config=TED))
    talk.intent("hi")
    talk.intent("book", slot_0="x", slot_1="x")
    for slot in slots[2:-1]:
        talk.intent("inform", **{slot: "x"})

    assert said(talk.intent("inform", **{slots[-1]: "x"})) == ["found"]
    assert said(talk.intent("pick")) == ["sure"]
    assert said(talk.intent("confirm")) == ["done"]


def test_story_that_listens_is_followed(tmp_path: Path) -> None:
    """If the stories do not answer an intent, it is not answered in other conversations either."""
    steps = "{intent: hi}, {action: utter_hi}, {intent: pay}, {intent: bye}, {action: utter_bye}"
    data = f"stories: [{{story: s, steps: [{steps}]}}]"
    talk = Talk(train(tmp_path, domain=DOMAIN, data=data, config=TED))
    talk.intent("hi")
    talk.intent("hi")

    assert said(talk.intent("pay")) == []
    assert said(talk.intent("bye")) == ["bye"]


def test_unknown_intent_is_answered_where_the_fallback_is_silent(tmp_path: Path) -> None:
    """Without `utter_default`, the learned policy answers an unknown intent, unless it is constrained."""
    domain = DOMAIN.replace("  utter_default: [{text: pardon}]\n", "")
    talk = Talk(train(tmp_path, domain=domain, data=STORIES, config=TED))

    assert said(talk.intent("out_of_scope"))
    assert said(talk.say("gibberish", None))

    constrained = TED.replace("max_history: 5", "max_history: 5, constrain_similarities: true")
    talk = Talk(train(tmp_path, domain=domain, data=STORIES, config=constrained))

    assert said(talk.intent("out_of_scope")) == []
    assert said(talk.intent("bye")) == ["bye"]


def test_augmented_memoization_does_not_listen_after_a_message(tmp_path: Path) -> None:
    """If a rule's turn is hidden, its final listening is not predicted after the next message."""
    domain = """
intents: [greet, affirm]
responses:
  utter_greet: [{text: hello}]
  utter_help: [{text: shall I help}]
  utter_ok: [{text: ok}]
  utter_default: [{text: pardon}]
"""
    data = """
stories:
  - {story: help, steps: [{action: utter_help}, {intent: affirm}, {action: utter_ok}]}
rules:
  - {rule: greet, steps: [{intent: greet}, {action: utter_greet}, {action: utter_help}]}
"""
    policy = "{name: AugmentedMemoizationPolicy}"
    talk = Talk(train(tmp_path, domain=domain, data=data, config=with_policies(policy, RULES)))
    talk.intent("greet")

    assert said(talk.intent("affirm")) == ["pardon"]


def test_a_model_without_dialogue_predicts_nothing(tmp_path: Path) -> None:
    """A model of `manent train nlu` loads. A request for an action gets an error with the reason."""
    project = write_project(tmp_path, domain=DOMAIN, data=STORIES)
    model = load_dialogue({"nlu/pipeline.json": b"{}"}, project.domain)

    assert not model.is_trained
    with pytest.raises(ModelError) as caught:
        model.ensemble.choose(Tracker(sender_id="ada", domain=project.domain))
    assert caught.value.code == "model_without_dialogue"
