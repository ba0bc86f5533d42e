"""`manent data validate`: what is found, where, and with which status."""

from collections.abc import Callable
from pathlib import Path

Manent = Callable[[str], tuple[int, str]]

APART = """
version: "3.1"
stories:
- story: a sale
  steps:
  - intent: greet
  - action: utter_greet
  - intent: thank
  - action: utter_welcome
- story: no sale
  steps:
  - intent: greet
  - action: utter_greet
  - intent: thank
  - action: utter_greet
- story: late
  steps:
  - intent: thank
  - action: utter_welcome
  - intent: greet
  - action: utter_greet
  - intent: thank
  - action: utter_welcome
"""


def test_a_sound_project(manent: Manent) -> None:
    """Nothing to complain of: what there is, and status 0."""
    assert manent("data validate --fail-on-warnings") == (
        0,
        "no mistakes, no warnings: 6 examples of 3 intents, 1 story, 2 rules.\n",
    )


def test_stories_that_go_on_differently(manent: Manent, shop: Path) -> None:
    """Two stories with the same beginning and different ends are named, both with their lines."""
    (shop / "data/stories.yml").write_text(APART)
    status, shown = manent("data validate")

    assert status == 0
    assert 'data/stories.yml:15  stories.no sale  [story.contradicts-story]\n  found "utter_greet"; expected' in shown
    assert '"utter_welcome", which follows the same steps in the story "a sale" (data/stories.yml:9)' in shown
    assert shown.count("story.contradicts-story") == 1
    assert manent("data validate stories --fail-on-warnings")[0] == 1


def test_stories_that_begin_with_an_action(manent: Manent, shop: Path) -> None:
    """Stories do not contradict each other by the action that they begin with."""
    (shop / "data/stories.yml").write_text(
        'version: "3.1"\nstories:\n'
        "- {story: plain, steps: [{intent: greet}, {action: utter_greet}]}\n"
        "- {story: one, steps: [{action: utter_greet}, {intent: thank}, {action: utter_welcome}]}\n"
        "- {story: two, steps: [{action: utter_welcome}, {intent: thank}, {action: utter_greet}]}\n"
    )

    assert "story.contradicts-story" not in manent("data validate stories")[1]


def test_short_memory_finds_more(manent: Manent, shop: Path) -> None:
    """With --max-history stories contradict each other that began differently."""
    (shop / "data/stories.yml").write_text(APART)

    assert manent("data validate stories --max-history 1")[1].count("story.contradicts-story") == 1
    (shop / "data/stories.yml").write_text(APART.replace("  - intent: thank\n  - action: utter_greet", "", 1))
    assert "story.contradicts-story" not in manent("data validate stories")[1]


def test_stories_against_rules(manent: Manent, shop: Path) -> None:
    """A story that a rule forbids is a mistake, found without training."""
    rule = "rules:\n- rule: always\n  steps: [{intent: thank}, {action: utter_greet}]\n"
    (shop / "data/more.yml").write_text(f'version: "3.1"\n{rule}')
    status, shown = manent("data validate")

    assert status == 1
    assert "data/stories.yml:9  stories.a sale  [story.contradicts-rule]" in shown
    assert "1 mistake, no warnings" in shown


def test_mistakes_and_warnings_of_all_files(manent: Manent, shop: Path) -> None:
    """Names that do not exist, examples of two intents, the server's files: all at once."""
    domain = (shop / "domain.yml").read_text()
    (shop / "domain.yml").write_text(domain.replace("intents: [", "intents: [idle, "))
    (shop / "data/nlu.yml").write_text((shop / "data/nlu.yml").read_text().replace("- thanks", "- hi"))
    stories = (shop / "data/stories.yml").read_text()
    (shop / "data/stories.yml").write_text(stories.replace("utter_greet", "utter_great", 1))
    (shop / "endpoints.yml").write_text("tracker_store:\n  type: sqll\n")
    status, shown = manent("data validate")

    assert status == 1
    for code in ("story.unknown-response", "nlu.example-twice", "intents.unused", "endpoints.yml:2"):
        assert code in shown, code


def test_contradictions_beside_other_mistakes(manent: Manent, shop: Path) -> None:
    """Stories that contradict each other are named together with a mistake in the configuration."""
    (shop / "data/stories.yml").write_text(APART)
    (shop / "config.yml").write_text("recipe: default.v1\npipeline:\n- name: DIETClasifier\n")
    status, shown = manent("data validate")

    assert status == 1
    assert "config.yml:3" in shown
    assert "data/stories.yml:15  stories.no sale  [story.contradicts-story]" in shown


def test_responses_that_only_code_says(manent: Manent, shop: Path) -> None:
    """A response is unused unless a story, a rule or an action's own code names it."""
    domain = (shop / "domain.yml").read_text()
    (shop / "domain.yml").write_text(domain + "  utter_extra: [{text: x}]\nactions: [action_extra]\n")
    assert "unless actions outside of this project send them" in manent("data validate")[1]
    (shop / "actions").mkdir()
    (shop / "actions/actions.py").write_text("pass\n")
    assert 'responses.utter_extra  [responses.unused]\n  found "utter_extra"' in manent("data validate")[1]
    (shop / "actions/actions.py").write_text("dispatcher.utter_message(response='utter_extra')\n")

    assert "responses.unused" not in manent("data validate")[1]


CONFIG = """
assistant_id: shop
pipeline:
- name: WhitespaceTokenizer
  token_pattern: "("
- name: sentiment.SentimentAnalyzer
- name: KeywordIntentClassifier
  case_sensitve: true
policies:
- name: RulePolicy
  core_fallback_threshold: high
"""


def test_training_refuses_the_same(manent: Manent, shop: Path) -> None:
    """What is wrong in config.yml is said by both commands, with its lines, and nothing is trained."""
    (shop / "config.yml").write_text(CONFIG)

    for command in ("data validate", "train"):
        status, shown = manent(command)
        assert status == 1
        for place in (
            "config.yml:5  pipeline.WhitespaceTokenizer.token_pattern  [config.option]",
            "config.yml:6  pipeline  [pipeline.bad-component]",
            "config.yml:11  policies.RulePolicy.core_fallback_threshold  [config.option]",
        ):
            assert place in shown
    assert not (shop / "models").exists()
    assert "Warning: config.yml:8  pipeline.KeywordIntentClassifier.case_sensitve" in manent("data validate")[1]


def test_a_number_in_quotes_is_that_number(manent: Manent, shop: Path) -> None:
    """A model of a project that quotes its numbers can be loaded."""
    config = (shop / "config.yml").read_text()
    (shop / "config.yml").write_text(f'{config}  core_fallback_threshold: "0.4"\n  priority: "5"\n')

    assert manent("train")[0] == 0
    assert "2 of 3" in manent("test core --no-plot")[1]


def test_own_examples_below_the_threshold(manent: Manent) -> None:
    """Examples that the project's FallbackClassifier refuses are named, by intent, where the first one stands."""
    config = Path("config.yml")
    pipeline = "- name: CountVectorsFeaturizer\n- name: DIETClassifier\n- {name: FallbackClassifier, threshold: 0.9}\n"
    config.write_text(config.read_text().replace("- name: KeywordIntentClassifier\n", pipeline))
    assert "nlu.example-below-threshold" not in manent("data validate")[1]

    nlu = Path("data/nlu.yml")
    nlu.write_text(nlu.read_text().replace("    - thanks\n", "    - thanks\n    - hello\n"))
    status, shown = manent("data validate")

    assert status == 0
    assert "data/nlu.yml:6  nlu.greet  [nlu.example-below-threshold]" in shown
    assert 'found 1 of 2 examples that the trained model would classify as nlu_fallback: "hello" (0.' in shown
    assert 'found 1 of 3 examples that the trained model would classify as nlu_fallback: "hello" (0.' in shown


def test_a_strict_reading(manent: Manent, shop: Path) -> None:
    """With --strict a name that nothing defines is a mistake; what is only unused stays a warning."""
    domain = (shop / "domain.yml").read_text()
    (shop / "domain.yml").write_text(domain.replace("intents: [greet,", "intents: [greet, bye,"))
    assert manent("data validate --strict")[0] == 0
    nlu = (shop / "data/nlu.yml").read_text()
    (shop / "data/nlu.yml").write_text(nlu.replace("- intent: thank", "- intent: thanks"))

    assert manent("data validate")[0] == 0
    status, shown = manent("data validate --strict")

    assert status == 1
    assert shown.startswith("data/nlu.yml:")
    assert "[nlu.unknown-intent]" in shown.splitlines()[0]
    assert "Warning: domain.yml" in shown


def test_training_names_what_a_server_will_refuse(manent: Manent, shop: Path) -> None:
    """Mistakes in the server's files are warnings of a training; variables of another machine are none."""
    (shop / "credentials.yml").write_text("rasa: {url: x}\n")
    (shop / "endpoints.yml").write_text("tracker_store: {type: redis}\nnlg: {url: '${NLG_URL}'}\n")

    status, shown = manent("train")

    assert status == 0
    assert "Warning: credentials.yml:1  rasa  [credentials.not-served]" in shown
    assert "[endpoints.store-unsupported]" in shown
    assert "NLG_URL" not in shown


def test_misspelt_section_is_first(manent: Manent, shop: Path) -> None:
    """A misspelt section of the domain is printed before the errors that it causes."""
    domain = shop / "domain.yml"
    domain.write_text(domain.read_text().replace("responses:", "respones:"))
    status, shown = manent("data validate")

    assert status == 1
    assert shown.startswith("Warning: domain.yml:")
    assert 'found the key "respones"' in shown.splitlines()[1]
    assert "story.unknown-response" in shown


def test_empty_domain_is_first(manent: Manent, shop: Path) -> None:
    """An empty domain file is printed before the errors that it causes."""
    (shop / "domain.yml").write_text("")
    status, shown = manent("data validate")

    assert status == 1
    assert shown.startswith("Warning: domain.yml  [domain.empty]\n  found an empty file;")
