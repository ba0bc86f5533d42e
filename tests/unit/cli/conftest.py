"""A small project for testing commands."""

from collections.abc import Callable
from pathlib import Path

import pytest

from manent.cli.main import main

FILES = {
    "config.yml": """
assistant_id: shop
pipeline:
- name: WhitespaceTokenizer
- name: KeywordIntentClassifier
- name: RegexEntityExtractor
policies:
- name: MemoizationPolicy
- name: RulePolicy
""",
    "domain.yml": """
version: "3.1"
intents: [greet, order, thank]
entities: [fruit]
slots:
  fruit: {type: text, mappings: [{type: from_entity, entity: fruit}]}
forms:
  fruit_form: {required_slots: [fruit]}
responses:
  utter_greet: [{text: Hello.}]
  utter_ask_fruit: [{text: Which fruit?}]
  utter_ordered: [{text: "One {fruit}."}]
  utter_welcome: [{text: You are welcome.}]
""",
    "data/nlu.yml": """
version: "3.1"
nlu:
- intent: greet
  examples: |
    - hello
    - hi
- intent: order
  examples: |
    - an [apple](fruit)
    - a [pear](fruit)
- intent: thank
  examples: |
    - thanks
    - bless you
- lookup: fruit
  examples: |
    - apple
    - pear
""",
    "data/stories.yml": """
version: "3.1"
stories:
- story: a sale
  steps:
  - intent: greet
  - action: utter_greet
  - intent: thank
  - action: utter_welcome
rules:
- rule: the form begins
  steps: [{intent: order}, {action: fruit_form}, {active_loop: fruit_form}]
- rule: the form ends
  condition: [{active_loop: fruit_form}]
  steps: [{action: fruit_form}, {active_loop: null}, {action: utter_ordered}]
""",
    "tests/test_stories.yml": """
version: "3.1"
stories:
- story: all goes well
  steps:
  - {user: hello, intent: greet}
  - action: utter_greet
  - {user: thanks, intent: thank}
  - action: utter_welcome
- story: with a form
  steps:
  - {user: "an [apple](fruit)", intent: order}
  - action: fruit_form
  - active_loop: fruit_form
  - active_loop: null
  - action: utter_ordered
- story: misunderstood
  steps:
  - {user: hello, intent: thank}
  - action: utter_greet
""",
}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's folder, which is the working directory. There is no model."""
    for name, content in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def manent(shop: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[str], tuple[int, str]]:
    """Calls a command in the project; returns its status and its output."""
    assert shop.is_dir()

    def call(line: str) -> tuple[int, str]:
        capsys.readouterr()
        status = main(line.split())
        shown = capsys.readouterr()
        return status, shown.out + shown.err

    return call
