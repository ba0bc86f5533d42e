import time
from dataclasses import replace

import pytest

from manent.core.domain import Domain
from manent.core.errors import ModelError, ProjectError
from manent.core.training_data import NluData
from manent.models.vectors import open_vectors
from manent.nlu import classifier
from manent.nlu.pipeline import Pipeline, load_pipeline
from manent.nlu.training import train_pipeline
from manent.project.settings.config import default_pipeline
from support.nlu_samples import DEFAULT, GREETINGS, config, data, domain, example, trained

KEYWORDS = ({"name": "WhitespaceTokenizer"}, {"name": "KeywordIntentClassifier"})


def test_the_result_has_rasas_shape(pizzeria: Pipeline) -> None:
    """Every key of contract §4.2 that this pipeline makes is there."""
    result = pizzeria.parse(" bring me two pizzas ")

    assert list(result) == ["text", "intent", "entities", "text_tokens", "intent_ranking"]
    assert result["text"] == "bring me two pizzas"
    assert result["intent"] == result["intent_ranking"][0]
    assert result["text_tokens"] == [[0, 5], [6, 8], [9, 12], [13, 19]]
    assert [entity["entity"] for entity in result["entities"]] == ["amount", "dish"]
    dish = result["entities"][1]
    assert (dish["start"], dish["end"], dish["value"], dish["extractor"]) == (13, 19, "pizzas", "DIETClassifier")
    assert dish["processors"] == ["EntitySynonymMapper"]
    assert 0.5 < dish["confidence_entity"] <= 1


@pytest.mark.parametrize(
    ("text", "intent"),
    [("hello", "greet"), ("hi there you", "greet"), ("see you", "goodbye"), ("bring me a pizza", "order")],
)
def test_what_was_taught_is_understood_for_sure(pizzeria: Pipeline, text: str, intent: str) -> None:
    """Seven examples an intent are enough for confidences above 0.7."""
    result = pizzeria.parse(text)

    assert result["intent"]["name"] == intent
    assert result["intent"]["confidence"] > 0.7


@pytest.mark.parametrize("text", ["asdkjh qwlekj", "blorp", "مرحبا كيف حالك", "", "!!!", "zzz zzz zzz"])
def test_nonsense_falls_back(pizzeria: Pipeline, text: str) -> None:
    """What resembles no example gets the fallback intent, with the threshold as its confidence."""
    result = pizzeria.parse(text)

    assert result["intent"] == {"name": "nlu_fallback", "confidence": 0.3}
    assert result["intent_ranking"][0] == result["intent"]
    assert result["intent_ranking"][1]["confidence"] < 0.4


def test_words_that_were_never_taught_are_understood_by_their_meaning(pizzeria: Pipeline) -> None:
    """Word vectors know that a drink is not far from a dish and a farewell not from a goodbye."""
    assert pizzeria.parse("farewell")["intent_ranking"][-1]["name"] != "goodbye"
    ranking = [item["name"] for item in pizzeria.parse("farewell")["intent_ranking"] if item["name"] != "nlu_fallback"]
    assert ranking[0] == "goodbye"


@pytest.mark.parametrize("text", ["bring me a pizza", "see you", "farewell"])
def test_capitals_change_nothing(pizzeria: Pipeline, text: str) -> None:
    """However a visitor writes, the intent and its confidence are the same."""
    meant = {item["name"]: item["confidence"] for item in pizzeria.parse(text)["intent_ranking"]}

    for written in (text.capitalize(), text.title(), text.upper()):
        ranking = pizzeria.parse(written)["intent_ranking"]
        assert {item["name"]: item["confidence"] for item in ranking} == pytest.approx(meant, abs=1e-4)


def test_a_payload_replaces_the_result(pizzeria: Pipeline) -> None:
    """`/intent{…}` is not classified."""
    result = pizzeria.parse('/order{"dish": "tea"}')

    assert result["intent"] == {"name": "order", "confidence": 1.0}
    assert result["entities"][0]["value"] == "tea"
    assert "text_tokens" not in result


def test_a_pipeline_without_a_classifier_has_no_intent() -> None:
    """There is a null intent with confidence 0, and no ranking."""
    result = trained(data(), {"name": "WhitespaceTokenizer"}).parse("hello")

    assert result == {
        "text": "hello",
        "intent": {"name": None, "confidence": 0.0},
        "entities": [],
        "text_tokens": [[0, 5]],
    }


def test_a_megabyte_is_parsed_in_a_moment(pizzeria: Pipeline) -> None:
    """What no person types costs what it takes to find its words, and no more."""
    started = time.process_time()
    result = pizzeria.parse("bring me 2 pizzas " * 50_000)

    assert result["intent"]["name"] in {"order", "nlu_fallback"}
    assert time.process_time() - started < 5


def test_an_empty_pipeline_parses() -> None:
    """A model without an NLU part answers payloads and nothing else."""
    assert load_pipeline({}, Domain(), vectors=open_vectors).parse("hello") == {
        "text": "hello",
        "intent": {"name": None, "confidence": 0.0},
        "entities": [],
    }


def test_one_intent_can_be_told_from_nothing() -> None:
    """With a single intent, its examples have a high confidence and nonsense a low one."""
    pipeline = trained(data({"greet": GREETINGS["greet"]}), *DEFAULT)

    assert pipeline.parse("hello there")["intent"]["name"] == "greet"
    assert pipeline.parse("xq zzt brr")["intent"]["name"] == "nlu_fallback"


def test_training_is_reproducible() -> None:
    """The same data and configuration make the same bytes."""
    nlu = data()

    assert train_pipeline(config(*DEFAULT), nlu, domain(nlu), vectors=open_vectors) == train_pipeline(
        config(*DEFAULT), nlu, domain(nlu), vectors=open_vectors
    )


def test_unchanged_components_are_taken_over() -> None:
    """Only what changed, and what depends on it, is trained again."""
    nlu = data()
    first = train_pipeline(config(*DEFAULT), nlu, domain(nlu), vectors=open_vectors)
    told: list[str] = []
    train_pipeline(config(*DEFAULT), nlu, domain(nlu), previous=first, progress=told.append, vectors=open_vectors)
    assert not [line for line in told if line.endswith("training")]

    told.clear()
    changed = (*DEFAULT[:-1], {"name": "FallbackClassifier", "threshold": 0.5})
    again = train_pipeline(
        config(*changed), nlu, domain(nlu), previous=first, progress=told.append, vectors=open_vectors
    )
    assert [line for line in told if line.endswith("training")] == ["FallbackClassifier: training"]
    assert load_pipeline(again, domain(nlu), vectors=open_vectors).parse("blorp")["intent"]["confidence"] == 0.5


def test_new_examples_train_the_classifier_again() -> None:
    """A component that reads the examples has another fingerprint when they change."""
    first = train_pipeline(config(*DEFAULT), data(), domain(data()), vectors=open_vectors)
    more = data({**GREETINGS, "thank": ["thanks", "thank you", "many thanks"]})
    again = train_pipeline(config(*DEFAULT), more, domain(more), previous=first, vectors=open_vectors)

    assert load_pipeline(again, domain(more), vectors=open_vectors).parse("thank you")["intent"]["name"] == "thank"


def test_new_word_vectors_train_everything_again() -> None:
    """Nothing is taken over from a model that was trained with other vectors."""
    nlu = data()
    files = train_pipeline(config(*DEFAULT), nlu, domain(nlu), vectors=open_vectors)
    index = files["nlu/pipeline.json"]
    digest = index[index.rindex(b'"vectors":"') + 11 :][:64]
    told: list[str] = []
    old = {**files, "nlu/pipeline.json": index.replace(digest, b"0" * 64)}
    train_pipeline(config(*DEFAULT), nlu, domain(nlu), previous=old, progress=told.append, vectors=open_vectors)

    assert "DIETClassifier: training" in told


def test_an_answer_in_the_domain_trains_its_selector_again() -> None:
    """Variations may stand in the domain; the selector carries them, so a new one reaches the model."""
    nlu = data({"faq/name": ["who are you", "your name"], "faq/age": ["how old", "your age"]})
    components = ({"name": "WhitespaceTokenizer"}, {"name": "ResponseSelector", "retrieval_intent": "faq"})

    def say(text: str) -> Domain:
        return Domain(original={"responses": {"utter_faq/name": [{"text": text}]}})

    first = train_pipeline(config(*components), nlu, say("Old."), vectors=open_vectors)
    again = train_pipeline(config(*components), nlu, say("New."), previous=first, vectors=open_vectors)
    selected = load_pipeline(again, say("New."), vectors=open_vectors).parse("who are you")["response_selector"]["faq"][
        "response"
    ]
    assert selected["responses"] == [{"text": "New."}]


def test_unknown_components_are_named() -> None:
    """A misspelt component stops the training with its name."""
    with pytest.raises(ProjectError, match="DITEClassifier"):
        train_pipeline(config({"name": "DITEClassifier"}), data(), Domain(), vectors=open_vectors)


def test_options_without_effect_are_named_once() -> None:
    """One note names the options that are accepted and ignored."""
    told: list[str] = []
    component = {"name": "DIETClassifier", "epochs": 5, "transformer_size": 64}
    train_pipeline(
        config({"name": "WhitespaceTokenizer"}, component), data(), Domain(), progress=told.append, vectors=open_vectors
    )

    assert [line for line in told if "no effect" in line] == [
        "DIETClassifier: epochs, transformer_size have no effect and are ignored."
    ]


def test_a_single_option_without_effect() -> None:
    """The note uses the singular for one option. It omits misspelt options, which the reader warns about."""
    told: list[str] = []
    component = {"name": "DIETClassifier", "epochs": 5, "ranking_lenght": 3}
    train_pipeline(
        config({"name": "WhitespaceTokenizer"}, component), data(), Domain(), progress=told.append, vectors=open_vectors
    )

    assert [line for line in told if "no effect" in line] == ["DIETClassifier: epochs has no effect and is ignored."]


def test_without_an_intent_nothing_is_classified() -> None:
    """Examples that have entities and no intents train the extractor, and no classifier."""
    nlu = NluData(examples=(example("two [soups](dish)", ""), example("a [soup](dish)", "")))
    parsed = trained(nlu, {"name": "WhitespaceTokenizer"}, {"name": "DIETClassifier"}).parse("two soups")

    assert parsed["intent"] == {"name": None, "confidence": 0.0}
    assert [entity["entity"] for entity in parsed["entities"]] == ["dish"]


def test_a_damaged_model_is_refused() -> None:
    """Bytes that are no arrays or no JSON of ours are an error of the model, not a crash."""
    nlu = data()
    files = train_pipeline(config(*KEYWORDS), nlu, domain(nlu), vectors=open_vectors)

    for name in files:
        with pytest.raises(ModelError):
            load_pipeline({**files, name: b"\x80\x04."}, domain(nlu), vectors=open_vectors).parse("hello")


def test_a_model_remembers_its_word_vectors() -> None:
    """A model that was trained with other vectors is refused."""
    nlu = data()
    files = train_pipeline(config(*DEFAULT), nlu, domain(nlu), vectors=open_vectors)
    index = files["nlu/pipeline.json"]
    digest = index[index.rindex(b'"vectors":"') + 11 :][:64]

    with pytest.raises(ModelError, match="the model was trained with word vectors 0000"):
        load_pipeline(
            {**files, "nlu/pipeline.json": index.replace(digest, b"0" * 64)}, domain(nlu), vectors=open_vectors
        )


@pytest.mark.parametrize(
    "number", ["100007", "3200014", "00000", "98765432101234567890", "\u0661\u0662\u0663\u0664\u0665"]
)
def test_long_numbers_are_one_word(pizzeria: Pipeline, number: str) -> None:
    """Which number it is changes nothing of what is meant, and the greeting beside it is still one."""
    result = pizzeria.parse(f"hello {number}")

    assert result["intent"] == pizzeria.parse("hello 55555")["intent"]
    assert result["intent"]["name"] == "greet"
    assert result["text"] == f"hello {number}"
    assert result["text_tokens"][1] == [6, 6 + len(number)]


def test_a_long_number_is_extracted_as_written() -> None:
    """An entity learnt from some order numbers finds another, with its own digits."""
    sources = [f"where is order [{number}](order)" for number in (481516, 234200, 108108, 77345112)]
    sources += [f"track [{number}](order) please" for number in (314159, 271828, 161803)]
    pipeline = trained(data({**GREETINGS, "track": sources}), *DEFAULT)

    (entity,) = pipeline.parse("where is order 9993331")["entities"]
    assert (entity["entity"], entity["value"], entity["start"]) == ("order", "9993331", 15)


def test_with_many_examples_confidence_falls_where_no_intent_stands_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """All intents' confidences become more or less by the same share, so that their order and ratios stay."""
    dishes = ("pizza", "salad", "soup", "burger", "menu", "wine")
    many = {
        "order": [f"{do} me {count} {dish}s" for do in ("bring", "give", "get") for count in "234" for dish in dishes],
        "ask": [f"is the {dish} {how}" for dish in dishes for how in ("hot", "good", "fresh", "large", "here")],
        "greet": [f"{hi} {who}" for hi in ("hello", "hi", "good morning") for who in ("you", "all", "dear", "there")],
    }
    plain = trained(data(many), *DEFAULT[:-1])
    monkeypatch.setattr(classifier, "_FEW_EXAMPLES", 90)
    monkeypatch.setattr(classifier, "_MANY_WORDS", 1.0)
    monkeypatch.setattr(classifier, "_MANY_VECTORS", 1.0)
    sure = trained(data(many), *DEFAULT[:-1])

    def confidence(text: str) -> float:
        before, after = plain.parse(text)["intent_ranking"], sure.parse(text)["intent_ranking"]
        share = after[0]["confidence"] / before[0]["confidence"]
        expected = [(item["name"], pytest.approx(item["confidence"] * share, rel=1e-3, abs=1e-6)) for item in before]
        assert [(item["name"], item["confidence"]) for item in after] == expected
        return float(after[0]["confidence"])

    assert confidence("blorp fnord") < confidence("is hello fresh") < confidence("bring me two pizzas") <= 1


def test_the_default_pipeline_is_trained_without_a_note_on_its_options() -> None:
    """Nobody wrote the options of a pipeline that is ours; a note on them would ask for a correction."""
    told: list[str] = []
    default = replace(config({"name": "WhitespaceTokenizer"}), pipeline=default_pipeline())
    train_pipeline(default, data(), Domain(), progress=told.append, vectors=open_vectors)

    assert [line for line in told if "meaning" in line] == []
