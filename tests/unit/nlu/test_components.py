import re
import sys
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from manent.core.errors import ProjectError
from manent.core.events import Json
from manent.core.training_data import EntityMention, Example, NluData
from manent.models.vectors import open_vectors
from manent.nlu.components.duckling import read_answer
from manent.nlu.pipeline import load_pipeline
from manent.nlu.registry import KINDS
from manent.nlu.services import Service
from manent.nlu.training import train_pipeline
from support.nlu_samples import DEFAULT, GREETINGS, config, data, domain, trained

TOKENIZER = {"name": "WhitespaceTokenizer"}
DIET = {"name": "DIETClassifier"}


# Keywords ------------------------------------------------------------------------------------------------------------


def test_the_first_keyword_in_the_text_decides() -> None:
    """A whole example inside the text is enough, with confidence 1 and no ranking."""
    nlu = data({"hello": ["hello", "good day"], "order": ["order food"]})
    result = trained(nlu, TOKENIZER, {"name": "KeywordIntentClassifier"}).parse("good day to you")

    assert result["intent"] == {"name": "hello", "confidence": 1.0}
    assert "intent_ranking" not in result


@pytest.mark.parametrize(("sensitive", "name"), [(True, None), (False, "hello")])
def test_keywords_mind_case_unless_told_otherwise(sensitive: bool, name: str | None) -> None:  # noqa: FBT001
    """`case_sensitive` changes what is found."""
    keywords = {"name": "KeywordIntentClassifier", "case_sensitive": sensitive}

    assert trained(data({"hello": ["hello"]}), keywords).parse("HELLO there")["intent"]["name"] == name


def test_a_keyword_must_be_whole_words() -> None:
    """`hi` is not in `this`."""
    keywords = trained(data({"hello": ["hi"]}), {"name": "KeywordIntentClassifier"})

    assert keywords.parse("this")["intent"] == {"name": None, "confidence": 0.0}


def test_an_example_that_is_no_expression_is_taken_literally() -> None:
    """An unclosed bracket in an example doesn't stop the training."""
    keywords = trained(data({"ask": ["what (exactly"]}), {"name": "KeywordIntentClassifier"})

    assert keywords.parse("what (exactly")["intent"]["name"] == "ask"


def test_keywords_of_a_retrieval_intent_find_the_retrieval_intent() -> None:
    """Rules contain `faq`, not `faq/hours`; a text of two of its responses is not ambiguous."""
    nlu = data({"faq/hours": ["opening hours", "when"], "faq/days": ["opening days", "when"]})
    keywords = trained(nlu, {"name": "KeywordIntentClassifier"})

    assert keywords.parse("your opening hours")["intent"] == {"name": "faq", "confidence": 1.0}
    assert keywords.parse("when")["intent"]["name"] == "faq"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("gamma", None),  # "gamma ray" is another intent's
        ("what", None),  # a regular expression that matches in "what is it"
        ("gamma ray", "other"),
        ("in", "one"),  # not a word of "inside"
        ("go on", "one"),  # "go on now" is of the same intent
        ("GAMMA", "one"),  # another spelling
    ],
)
def test_a_keyword_that_another_intents_keyword_contains_is_ignored(text: str, name: str | None) -> None:
    """Only the longer keyword finds its intent."""
    one = ["gamma", "what?", "in", "go on", "go on now", "GAMMA"]
    nlu = data({"one": one, "other": ["gamma ray", "what is it", "inside"]})

    assert trained(nlu, {"name": "KeywordIntentClassifier"}).parse(text)["intent"]["name"] == name


def test_contained_keywords_mind_case_unless_told_otherwise() -> None:
    """Without `case_sensitive`, other spellings are contained, too."""
    keywords = {"name": "KeywordIntentClassifier", "case_sensitive": False}
    pipeline = trained(data({"one": ["Gamma"], "other": ["gamma ray"]}), keywords)

    assert pipeline.parse("gamma")["intent"]["name"] is None


# Patterns and synonyms -----------------------------------------------------------------------------------------------

_TOWNS: dict[str, Any] = {
    "lookups": {"town": ("Bonn", "big apple", "Saint-Denis", "C++"), "unused": ("hello",)},
    "regexes": (("zip", r"\d{5}"), ("unused", r"\w+")),
    "synonyms": {"big apple": "New York City"},
}
_ASK = {"where": ["where is [Bonn](town)", "zip [12345](zip)"]}


def _extract(text: str, **options: Any) -> list[tuple[str, str]]:
    component = {"name": "RegexEntityExtractor", **options}
    result = trained(data(_ASK, **_TOWNS), TOKENIZER, component).parse(text)
    return [(entity["entity"], entity["value"]) for entity in result["entities"]]


def test_patterns_named_like_entities_extract() -> None:
    """Regexes and lookup tables are used when an example has an entity of that name."""
    assert _extract("hello 54321 in bonn") == [("zip", "54321"), ("town", "bonn")]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"case_sensitive": True}, [("zip", "54321")]),
        ({"use_lookup_tables": False}, [("zip", "54321")]),
        ({"use_regexes": False}, [("town", "bonn")]),
        ({"use_word_boundaries": False}, [("zip", "54321"), ("town", "bonn"), ("town", "bonn")]),
    ],
)
def test_options_of_the_pattern_extractor(options: dict[str, Any], found: list[tuple[str, str]]) -> None:
    """Each option changes what is found."""
    assert _extract("54321 bonn bonner", **options) == found


def test_an_invalid_regex_is_reported_and_skipped() -> None:
    """A pattern that doesn't compile costs a note, not the training."""
    nlu = data(_ASK, regexes=(("zip", "("),))
    told: list[str] = []
    train_pipeline(
        config({"name": "RegexEntityExtractor"}), nlu, domain(nlu), progress=told.append, vectors=open_vectors
    )

    assert any("is not a valid regular expression" in line for line in told)


def test_patterns_are_tried_by_name_and_pattern() -> None:
    """The order of the entities, of which the last fills a slot, is not the order in the files."""
    nlu = data(
        {"ask": ["[1](b) [2](a)"]},
        regexes=(("b", r"\d+"), ("b", "[A-Z]1"), ("a", "1")),
        lookups={"b": ("x",), "a": ("x",)},
    )
    found = trained(nlu, TOKENIZER, {"name": "RegexEntityExtractor"}).parse("1 Z1 x")["entities"]

    assert [(entity["entity"], entity["value"]) for entity in found] == [
        ("a", "1"),
        ("a", "1"),
        ("b", "Z1"),
        ("b", "1"),
        ("b", "1"),
        ("b", "x"),
        ("a", "x"),
    ]


def test_synonyms_replace_values_and_say_so() -> None:
    """A spelling gets its value whatever its case; an annotated spelling gets back the way it was written."""
    pipeline = trained(
        data(_ASK, **_TOWNS), TOKENIZER, {"name": "RegexEntityExtractor"}, {"name": "EntitySynonymMapper"}
    )
    first, second, third = pipeline.parse("BIG APPLE bonn saint-denis")["entities"]

    assert (first["value"], first["processors"]) == ("New York City", ["EntitySynonymMapper"])
    assert (second["value"], second["processors"]) == ("Bonn", ["EntitySynonymMapper"])
    assert third["value"] == "saint-denis"
    assert "processors" not in third


def test_a_synonym_wins_over_a_plain_annotation() -> None:
    """Annotating a spelling without its value doesn't undo the synonym."""
    nlu = data({"where": ["where is [nyc](town)"]}, synonyms={"nyc": "New York City"}, lookups={"town": ("nyc",)})
    pipeline = trained(nlu, {"name": "RegexEntityExtractor"}, {"name": "EntitySynonymMapper"})

    assert pipeline.parse("nyc")["entities"][0]["value"] == "New York City"


# DIET and CRF --------------------------------------------------------------------------------------------------------

_TRAVEL = [
    Example(
        text=f"from {start} to {end}",
        intent="travel",
        entities=(
            EntityMention(start=5, end=5 + len(start), entity="city", value=start, role="from"),
            EntityMention(start=9 + len(start), end=9 + len(start) + len(end), entity="city", value=end, role="to"),
        ),
    )
    for start, end in [
        ("Oslo", "Rome"),
        ("Paris", "Bonn"),
        ("Berlin", "Vienna"),
        ("Prague", "Lisbon"),
        ("Rome", "Oslo"),
    ]
]


def _travel(*more: Example) -> NluData:
    others = [Example(text=text, intent="greet") for text in ("hello", "hi", "good morning", "hey you")]
    return NluData(examples=(*_TRAVEL, *others, *more))


@pytest.mark.parametrize("name", ["DIETClassifier", "CRFEntityExtractor"])
def test_roles(name: str) -> None:
    """The same entity has the role that its place in the sentence gives it, for cities that were never seen, too."""
    nlu = _travel()
    entities = trained(nlu, TOKENIZER, {"name": name}).parse("from Madrid to Dublin")["entities"]

    assert [(entity["value"], entity["role"]) for entity in entities] == [("Madrid", "from"), ("Dublin", "to")]
    assert all(entity["extractor"] == name and 0 < entity["confidence_role"] <= 1 for entity in entities)


def test_several_entities_on_one_span() -> None:
    """Words that are two things at once are found as both."""
    texts = ["call Anna", "phone Anna", "ring Peter", "call Peter now", "phone Mary", "ring Mary please"]
    examples = []
    for text in texts:
        start = text.index(" ") + 1
        end = start + len(text[start:].split()[0])
        mentions = tuple(
            EntityMention(start=start, end=end, entity=name, value=text[start:end]) for name in ("person", "contact")
        )
        examples.append(Example(text=text, intent="call", entities=mentions))
    greetings = [Example(text=text, intent="greet") for text in ("hello", "hi", "good day")]
    pipeline = trained(NluData(examples=(*examples, *greetings)), TOKENIZER, DIET)

    assert [entity["entity"] for entity in pipeline.parse("call Anna")["entities"]] == ["person", "contact"]


_LIST = [
    "buy [milk](food)",
    "buy [bread](food), [milk](food)",
    "get [eggs](food), [bread](food)",
    "i need [sugar](food), [salt](food)",
    "get [flour](food)",
    "i need [butter](food), [eggs](food)",
]


@pytest.mark.parametrize(
    ("split", "values"),
    [
        (True, ["milk", "bread"]),
        (False, ["milk, bread"]),
        ({"food": False}, ["milk, bread"]),
        ({"other": False}, ["milk", "bread"]),
    ],
)
def test_commas_split_entities_unless_told_otherwise(split: Any, values: list[str]) -> None:
    """`split_entities_by_comma` decides whether a list is one entity."""
    nlu = data({"buy": _LIST, "greet": ["hello", "hi", "good morning"]})
    pipeline = trained(nlu, TOKENIZER, {**DIET, "split_entities_by_comma": split})

    assert [entity["value"] for entity in pipeline.parse("buy milk, bread")["entities"]] == values


def test_tags_without_bilou_join_neighbours() -> None:
    """`BILOU_flag` off: tokens of one label beside each other are one entity."""
    nlu = data(
        {"play": [f"play [{name}](song)" for name in ("let it be", "yellow submarine", "help", "come together")]}
    )
    component = {"name": "CRFEntityExtractor", "BILOU_flag": False}

    assert [entity["value"] for entity in trained(nlu, TOKENIZER, component).parse("play let it be")["entities"]] == [
        "let it be"
    ]


@pytest.mark.parametrize("option", ["intent_classification", "entity_recognition"])
def test_half_a_diet(option: str) -> None:
    """Intents and entities can be switched off."""
    result = trained(data(), TOKENIZER, {**DIET, option: False}).parse("bring me two pizzas")

    assert ("intent_ranking" in result) == (option != "intent_classification")
    assert bool(result["entities"]) == (option != "entity_recognition")


def test_the_ranking_has_the_length_asked_for() -> None:
    """`ranking_length` cuts the ranking; 0 means all."""
    assert len(trained(data(), TOKENIZER, {**DIET, "ranking_length": 2}).parse("hi")["intent_ranking"]) == 2
    assert len(trained(data(), TOKENIZER, {**DIET, "ranking_length": 0}).parse("hi")["intent_ranking"]) == 3


def test_confidences_can_be_made_to_add_up() -> None:
    """`renormalize_confidences` spreads 1 over the ranking."""
    ranking = trained(data(), TOKENIZER, {**DIET, "renormalize_confidences": True}).parse("blorp")["intent_ranking"]

    assert sum(item["confidence"] for item in ranking) == pytest.approx(1)


def test_a_classifier_uses_only_the_featurizers_it_names() -> None:
    """`featurizers` picks by alias: the same text scores otherwise without the characters."""
    words = {"name": "CountVectorsFeaturizer", "alias": "words"}
    letters = {"name": "CountVectorsFeaturizer", "alias": "letters", "analyzer": "char_wb", "max_ngram": 4}
    both = trained(data(), TOKENIZER, words, letters, DIET).parse("helo")["intent"]
    one = trained(data(), TOKENIZER, words, letters, {**DIET, "featurizers": ["words"]}).parse("helo")["intent"]

    assert both["confidence"] != one["confidence"]


@pytest.mark.parametrize(
    "options",
    [
        {"analyzer": "char"},
        {"analyzer": "char_wb", "min_ngram": 2, "max_ngram": 3},
        {"max_ngram": 2},
        {"lowercase": False},
        {"min_df": 2},
        {"max_df": 0.1},
        {"max_features": 3},
    ],
)
def test_options_of_count_vectors(options: dict[str, Any]) -> None:
    """Each option changes how sure the classifier is."""

    def sure(**given: Any) -> float:
        featurizer = {"name": "CountVectorsFeaturizer", **given}
        classifier = {"name": "LogisticRegressionClassifier"}
        result = trained(data(), TOKENIZER, featurizer, classifier).parse("Hello there you")
        return float(result["intent"]["confidence"])

    assert sure(**options) != sure()


def test_accents_can_be_ignored() -> None:
    """`strip_accents` makes an accented word the same as a plain one."""
    nlu = data({"drink": ["cafe", "ein cafe bitte"], "eat": ["brot", "ein brot bitte"]})
    featurizer = {"name": "CountVectorsFeaturizer", "strip_accents": "unicode"}
    classifier = {"name": "LogisticRegressionClassifier"}

    def sure(**options: Any) -> float:
        return float(
            trained(nlu, TOKENIZER, {**featurizer, **options}, classifier).parse("café")["intent"]["confidence"]
        )

    assert sure() > sure(strip_accents=None)


def test_token_patterns_cut_further() -> None:
    """`token_pattern` is applied to every token."""
    pipeline = trained(data(), {**TOKENIZER, "token_pattern": r"[^_]+"})

    assert pipeline.parse("good_morning you")["text_tokens"] == [[0, 4], [5, 12], [13, 16]]


def test_a_token_pattern_that_is_none_is_named() -> None:
    """A broken pattern is an error of the project."""
    with pytest.raises(ProjectError, match="regular expression"):
        trained(data(), {**TOKENIZER, "token_pattern": "("})


def test_chinese_works_without_a_word_list() -> None:
    """A language without blanks is understood by its characters."""
    nlu = data({"greet": ["你好", "您好", "早上好"], "bye": ["再见", "明天见", "下次再见"]})

    assert trained(nlu, *DEFAULT, language="zh").parse("再见了")["intent"]["name"] == "bye"


def test_fallback_adds_no_ranking_where_there_is_none() -> None:
    """Clients see a ranking only if a classifier ranks intents; keywords do not."""
    nlu = data({"hello": ["hello"]})
    result = trained(nlu, {"name": "KeywordIntentClassifier"}, {"name": "FallbackClassifier"}).parse("what")

    assert result["intent"]["name"] == "nlu_fallback"
    assert "intent_ranking" not in result


def test_fallback_is_also_for_close_calls() -> None:
    """Two intents that are about equally likely are ambiguous; a threshold of 0 accepts anything."""
    nlu = data({"a": ["one two"], "b": ["one two three", "one two"]})
    certain = {"name": "FallbackClassifier", "threshold": 0.0, "ambiguity_threshold": 0.0}
    wary = {"name": "FallbackClassifier", "threshold": 0.0, "ambiguity_threshold": 1.0}

    assert trained(nlu, TOKENIZER, DIET, certain).parse("one two")["intent"]["name"] != "nlu_fallback"
    assert trained(nlu, TOKENIZER, DIET, wary).parse("one two")["intent"]["name"] == "nlu_fallback"


# Retrieval -----------------------------------------------------------------------------------------------------------

_FAQ = {
    "faq/ask_name": ["what is your name", "who are you", "tell me your name"],
    "faq/ask_weather": ["how is the weather", "is it raining", "will it be sunny"],
    "greet": GREETINGS["greet"],
}
_ANSWERS: dict[str, list[Json]] = {
    "utter_faq/ask_name": [{"text": "I am Otter."}],
    "utter_faq/ask_weather": [{"text": "Sunny, I hope."}],
}


def test_an_answer_is_selected() -> None:
    """The selector names key, action and variations; the intent says which retrieval intent it was."""
    nlu = data(_FAQ, responses=_ANSWERS)
    result = trained(nlu, *DEFAULT, {"name": "ResponseSelector", "retrieval_intent": "faq"}).parse("who are you")

    assert result["intent"]["name"] == "faq"
    assert result["intent"]["full_retrieval_intent_name"] == "faq/ask_name"
    selected = result["response_selector"]
    assert selected["all_retrieval_intents"] == ["faq"]
    assert selected["faq"]["response"]["responses"] == _ANSWERS["utter_faq/ask_name"]
    assert selected["faq"]["response"]["intent_response_key"] == "faq/ask_name"
    assert selected["faq"]["response"]["utter_action"] == "utter_faq/ask_name"
    ranking = selected["faq"]["ranking"]
    assert [item["intent_response_key"] for item in ranking] == ["faq/ask_name", "faq/ask_weather"]
    assert ranking[0]["confidence"] == selected["faq"]["response"]["confidence"]


def test_one_selector_for_all() -> None:
    """Without `retrieval_intent` the key is `default`, and the intent's full name stays null."""
    result = trained(data(_FAQ, responses=_ANSWERS), *DEFAULT, {"name": "ResponseSelector"}).parse("is it raining")

    assert result["response_selector"]["default"]["response"]["intent_response_key"] == "faq/ask_weather"
    assert result["intent"]["full_retrieval_intent_name"] is None


def test_answers_can_be_the_labels() -> None:
    """`use_text_as_label`: answers that read the same are one label."""
    same = {key: [{"text": "The same."}] for key in _ANSWERS}
    component = {"name": "ResponseSelector", "use_text_as_label": True}
    ranking = trained(data(_FAQ, responses=same), TOKENIZER, component).parse("is it raining")["response_selector"]

    assert [item["intent_response_key"] for item in ranking["default"]["ranking"]] == ["faq/ask_name"]


def test_a_selector_without_retrieval_intents_selects_nothing() -> None:
    """The shape stays, the values are null, as Rasa has it."""
    result = trained(data(), TOKENIZER, {"name": "ResponseSelector"}).parse("hello")

    assert result["response_selector"] == {
        "all_retrieval_intents": [],
        "default": {
            "response": {
                "responses": None,
                "confidence": 0.0,
                "intent_response_key": None,
                "utter_action": "utter_None",
            },
            "ranking": [],
        },
    }


# Services and components of one's own --------------------------------------------------------------------------------


def test_duckling_is_asked_by_the_runtime() -> None:
    """The pipeline says whom to ask, and takes over what the answer holds."""
    component = {"name": "DucklingEntityExtractor", "url": "http://localhost:8000/", "dimensions": ["time"]}
    pipeline = trained(data(), TOKENIZER, {**component, "locale": "en_GB", "timezone": "Europe/Berlin"})
    (service,) = pipeline.services

    assert (service.url, service.timeout_s) == ("http://localhost:8000/", 3)
    assert service.form("tomorrow", now=1.5) == {
        "text": "tomorrow",
        "locale": "en_GB",
        "dims": '["time"]',
        "reftime": "1500",
        "tz": "Europe/Berlin",
    }
    answer = [
        {"body": "tomorrow", "start": 0, "end": 8, "dim": "time", "value": {"value": "2030-01-01", "type": "value"}},
        {"body": "5", "start": 9, "end": 10, "dim": "number", "value": {"value": 5, "type": "value"}},
    ]
    entities = pipeline.parse("tomorrow 5", found={service: read_answer(answer, service)})["entities"]
    assert [(entity["entity"], entity["value"], entity["text"]) for entity in entities] == [
        ("time", "2030-01-01", "tomorrow")
    ]
    assert entities[0]["confidence"] == 1.0
    assert entities[0]["additional_info"] == answer[0]["value"]


def test_a_duckling_interval_has_two_ends() -> None:
    """An interval's value is where it begins and ends."""
    service = Service(url="http://x", dimensions=(), locale="en_US", timezone=None, timeout_s=3)
    value = {"type": "interval", "from": {"value": "a"}, "to": {"value": "b"}}

    assert read_answer([{"body": "x", "start": 0, "end": 1, "dim": "time", "value": value}], service)[0]["value"] == {
        "to": "b",
        "from": "a",
    }


@pytest.mark.parametrize("answer", [None, {}, "error", [1], [{"dim": "time"}], [{"value": {}, "start": "0"}]])
def test_a_strange_answer_means_no_entities(answer: object) -> None:
    """Whatever a service says, parsing goes on."""
    assert read_answer(answer, Service(url=None, dimensions=(), locale="", timezone=None, timeout_s=3)) == []


class Shouting:
    """A component of a project's own: learns which words are names, marks texts in capitals."""

    def __init__(self, options: Json) -> None:
        self._mark = options.get("mark", "loud")
        self._count = 0

    def train(self, examples: list[Json]) -> None:
        """Count the words."""
        self._count = sum(len(example["tokens"]) for example in examples)

    def process(self, result: Json) -> None:
        """Mark a text in capitals."""
        if result["text"].isupper():
            result["entities"].append({"entity": self._mark, "value": self._count, "start": 0, "end": 1})

    def persist(self) -> Mapping[str, bytes]:
        """Keep the count."""
        return {"count": str(self._count).encode()}

    def load(self, files: Mapping[str, bytes]) -> None:
        """Take the count back."""
        self._count = int(files["count"])


@pytest.fixture
def shouting(monkeypatch: pytest.MonkeyPatch) -> str:
    """Put the class where a project's module would be."""
    module = types.ModuleType("shouting_components")
    module.Shouting = Shouting  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "shouting_components", module)
    return "shouting_components.Shouting"


def test_a_component_of_the_projects_own(shouting: str) -> None:
    """It is trained with the examples, keeps its state in the model, and changes results; options reach it."""
    pipeline = trained(data({"greet": ["hello you", "hi"]}), TOKENIZER, {"name": shouting, "mark": "angry"})

    assert pipeline.parse("HELLO")["entities"] == [{"entity": "angry", "value": 3, "start": 0, "end": 1}]
    assert pipeline.parse("hello")["entities"] == []


def test_values_of_numpy_in_a_result_become_json(monkeypatch: pytest.MonkeyPatch, shouting: str) -> None:
    """Libraries return such values, and the log cannot contain them."""

    def process(_: Shouting, result: Json) -> None:
        result["intent"] = {"name": np.str_("greet"), "confidence": np.float32(0.5)}
        result["entities"] = [{"entity": "size", "value": np.int64(3), "start": 0, "end": 1}]

    monkeypatch.setattr(Shouting, "process", process)
    parsed = trained(data(), TOKENIZER, {"name": shouting}).parse("hello")
    stored = msgspec.json.decode(msgspec.json.encode(parsed))

    assert stored["intent"] == {"name": "greet", "confidence": 0.5}
    assert stored["entities"] == [{"entity": "size", "value": 3, "start": 0, "end": 1}]


def test_a_component_that_cannot_load_its_files_is_named(monkeypatch: pytest.MonkeyPatch, shouting: str) -> None:
    """An error in `load` names the class and the line."""

    def load(_: Shouting, files: Mapping[str, bytes]) -> None:
        raise ValueError(f"unexpected files: {sorted(files)}")

    monkeypatch.setattr(Shouting, "load", load)
    with pytest.raises(
        ProjectError, match=r"shouting_components\.Shouting.*ValueError.*unexpected files.*test_components"
    ):
        trained(data(), TOKENIZER, {"name": shouting})


def test_the_documented_component_does_what_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The class in docs/nlu.md, saved in a project's folder and named by its path, runs."""
    page = (Path(__file__).parents[3] / "docs/nlu.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n(class Shouting.*?)```", page, re.DOTALL)
    assert found is not None
    (tmp_path / "shouts").mkdir()
    (tmp_path / "shouts/shouting.py").write_text(found[1], encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    pipeline = trained(data(), TOKENIZER, {"name": "shouts.shouting.Shouting", "mark": "angry"})

    assert pipeline.parse("HELLO THERE")["entities"] == [{"entity": "angry", "value": True, "start": 0, "end": 11}]
    assert pipeline.parse("hello there")["entities"] == []


@pytest.mark.parametrize(
    "path", ["no_such_module.Thing", "sys.no_such_class", "types.SimpleNamespace", "collections.Counter"]
)
def test_a_component_that_is_none_is_named(path: str) -> None:
    """A module path that leads nowhere, or to a class without the methods, is an error of the project."""
    with pytest.raises(ProjectError, match=path.replace(".", r"\.")):
        trained(data(), {"name": path})


# All names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_component_of_rasa_trains_loads_and_parses(name: str) -> None:
    """No name of the default recipe stops a project, and none loses the text."""
    nlu = data(responses=_ANSWERS)
    options = {"model": "en_core_web_md"} if name == "SpacyNLP" else {}
    files = train_pipeline(config(TOKENIZER, {"name": name, **options}), nlu, domain(nlu), vectors=open_vectors)

    assert (
        load_pipeline(files, domain(nlu), vectors=open_vectors).parse("two pizzas please")["text"]
        == "two pizzas please"
    )
