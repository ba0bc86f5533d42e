"""Test stories are compared with the policies' predictions."""

from pathlib import Path

import pytest

from manent.core.events import Json
from manent.dialogue.evaluation import Played, play_stories, remembered, report_stories
from manent.dialogue.model import DialogueModel
from manent.project.data.stories import read_test_stories
from unit.dialogue.talking import train

DOMAIN = """
intents: [book, chat, bye, yes]
entities: [day]
slots:
  day: {type: text, mappings: [{type: from_entity, entity: day}]}
forms:
  day_form: {required_slots: [day]}
responses:
  utter_ask_day: [{text: Which day?}]
  utter_booked: [{text: Booked.}]
  utter_chat: [{text: Nice.}]
  utter_bye: [{text: Bye.}]
"""
DATA = """
stories:
- story: bye
  steps: [{intent: bye}, {action: utter_bye}]
rules:
- rule: on
  steps: [{intent: book}, {action: day_form}, {active_loop: day_form}]
- rule: off
  condition: [{active_loop: day_form}]
  steps: [{action: day_form}, {active_loop: null}, {action: utter_booked}]
- rule: yes
  steps: [{intent: yes}, {action: utter_chat}]
- rule: chat
  condition: [{active_loop: day_form}]
  steps: [{intent: chat}, {action: utter_chat}, {action: day_form}, {active_loop: day_form}]
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> DialogueModel:
    """An assistant with a form, and with rules for small talk during the form."""
    return train(tmp_path_factory.mktemp("project"), domain=DOMAIN, data=DATA)


def play(model: DialogueModel, folder: Path, text: str, **options: object) -> list[Played]:
    """Play stories in YAML."""
    path = folder / "test_stories.yml"
    path.write_text(f'version: "3.1"\nstories:\n{text}')
    return play_stories(model, read_test_stories([path]), **options)  # type: ignore[arg-type]


def wrong(played: Played) -> list[tuple[int, tuple[str, str]]]:
    """Return the line, the expected and the predicted value of each mistake."""
    return [(move.where.line, (one, other)) for move in played.moves for one, other in move.pairs if one != other]


def test_small_talk_in_a_form(model: DialogueModel, tmp_path: Path) -> None:
    """If a story answers another message during a form, the form rejects that message."""
    (played,) = play(
        model,
        tmp_path,
        "- story: s\n  steps:\n  - intent: book\n  - action: day_form\n  - active_loop: day_form\n  - intent: chat\n"
        "  - action: utter_chat\n  - action: day_form\n  - active_loop: day_form\n"
        "  - {intent: yes, entities: [day: Monday]}\n  - slot_was_set: [day: Monday]\n  - action: day_form\n"
        "  - active_loop: null\n  - action: utter_booked\n",
    )

    assert wrong(played) == []
    assert [move.policy for move in played.actions][-2:] == ["RulePolicy", "RulePolicy"]


def test_first_action_of_a_story_is_not_predicted(model: DialogueModel, tmp_path: Path) -> None:
    """If a story begins with an action, its predictions are compared from the second action."""
    (played,) = play(
        model,
        tmp_path,
        "- story: s\n  steps:\n  - action: utter_chat\n  - intent: yes\n  - action: utter_chat\n",
    )

    assert [move.pairs[0][0] for move in played.actions] == ["action_listen", "utter_chat", "action_listen"]


def test_responses_of_retrieval_intents(tmp_path: Path) -> None:
    """If a test story names a full retrieval intent or response, the full name is compared."""
    domain = "intents: [faq]\nresponses: {utter_faq/price: [{text: five}], utter_faq/hours: [{text: nine}]}\n"
    data = """
nlu: [{intent: faq/price, examples: "- what does it cost\\n"}, {intent: faq/hours, examples: "- when\\n"}]
rules: [{rule: faq, steps: [{intent: faq}, {action: utter_faq}]}]
"""
    model = train(tmp_path, domain=domain, data=data)

    def parse(text: str) -> Json:
        selected = {"default": {"response": {"intent_response_key": "faq/hours"}}}
        return {"text": text, "intent": {"name": "faq"}, "entities": [], "response_selector": selected}

    def story(intent: str, action: str) -> str:
        return f"- story: s\n  steps:\n  - {{user: when, intent: {intent}}}\n  - action: {action}\n"

    for intent, action, mistakes in (
        ("faq/hours", "utter_faq/hours", []),
        ("faq/hours", "utter_faq", []),
        ("faq", "utter_faq", []),
        ("faq/price", "utter_faq", [("faq/price", "faq/hours")]),
        ("faq", "utter_faq/price", [("utter_faq/price", "utter_faq/hours")]),
    ):
        (played,) = play(model, tmp_path, story(intent, action), parse=parse)
        assert [pair for _, pair in wrong(played)] == mistakes


def test_one_mistake_is_one(model: DialogueModel, tmp_path: Path) -> None:
    """After a wrong prediction, the story's action is applied, so that later actions are judged separately."""
    (played,) = play(
        model,
        tmp_path,
        "- story: s\n  steps:\n  - intent: yes\n  - action: utter_bye\n  - intent: yes\n  - action: utter_chat\n",
    )
    said = [(line, pair) for line, pair in wrong(played) if pair[0] != "action_listen"]

    assert said == [(6, ("utter_bye", "utter_chat"))]
    assert not played.is_right


def test_texts_are_compared(model: DialogueModel, tmp_path: Path) -> None:
    """In end-to-end stories, the intent and each entity are compared; a payload needs no NLU."""

    def parse(text: str) -> Json:
        entities = [{"entity": "day", "value": "Monday", "start": 3, "end": 9}] if "Monday" in text else []
        name = text[1:] if text.startswith("/") else "book"
        return {"text": text, "intent": {"name": name}, "entities": entities}

    played = play(
        model,
        tmp_path,
        "- story: a\n  steps:\n  - {intent: bye, user: see you}\n  - action: utter_bye\n"
        "- story: b\n  steps:\n  - {intent: book, user: on Monday}\n  - action: day_form\n  - active_loop: day_form\n"
        "- story: c\n  steps:\n  - {intent: book, user: 'on [Monday](day)'}\n  - action: day_form\n"
        "  - active_loop: day_form\n"
        "- story: d\n  steps:\n  - {intent: bye, user: /bye}\n  - action: utter_bye\n",
        parse=parse,
    )

    assert [wrong(each) for each in played] == [
        [(5, ("bye", "book"))],
        [(9, ("None", "[Monday](day)"))],
        [],
        [],
    ]
    assert report_stories(played)["conversation_accuracy"]["correct"] == 2


def test_alternatives_and_checkpoints_are_stories_of_their_own(model: DialogueModel, tmp_path: Path) -> None:
    """Each path through alternatives and checkpoints is played, up to a limit, and marked if it was trained."""
    text = (
        "- story: s\n  steps:\n  - or: [{intent: bye}, {intent: book}]\n  - checkpoint: there\n"
        "- story: t\n  steps:\n  - checkpoint: there\n  - action: utter_bye\n"
    )
    taught = tmp_path / "data.yml"
    taught.write_text(DATA)
    played = play(model, tmp_path, text, known=read_test_stories([taught]))

    assert sorted((each.is_right, each.is_known) for each in played) == [(False, False), (True, True)]
    assert len(play(model, tmp_path, text, limit=1)) == 1
    assert 0 < remembered(played) < 1


def test_unlikely_messages_are_warnings(tmp_path: Path) -> None:
    """A message that no story expects is a warning, and the bot's next actions are still compared."""
    stories = "".join(
        f"- story: s{number}\n  steps: [{{intent: {first}}}, {{action: utter_chat}}, {{intent: {second}}}, "
        f"{{action: utter_bye}}]\n"
        for number, (first, second) in enumerate([("chat", "bye"), ("book", "yes")] * 3)
    )
    config = (
        "language: en\npipeline: []\npolicies:\n- {name: UnexpecTEDIntentPolicy}\n- {name: RulePolicy}\n"
        "- {name: TEDPolicy}\n"
    )
    model = train(tmp_path, domain=DOMAIN, data=f"stories:\n{stories}", config=config)
    played = play(
        model,
        tmp_path,
        "- story: as taught\n  steps: [{intent: chat}, {action: utter_chat}, {intent: bye}, {action: utter_bye}]\n"
        "- story: otherwise\n  steps: [{intent: yes}, {action: utter_bye}]\n",
    )

    assert [each.has_warnings for each in played if each.name == "as taught"] == [False]
    assert next(move.was_unlikely for each in played if each.name == "otherwise" for move in each.actions)
