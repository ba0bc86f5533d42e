"""What confidences mean: thresholds of Rasa projects accept and refuse what they do there."""

import functools
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manent.core.domain import Domain
from manent.models.vectors import open_vectors
from manent.nlu.own_examples import find_refused_examples, find_refused_without_model
from manent.nlu.pipeline import Pipeline
from manent.nlu.training import train_pipeline
from support.nlu_samples import DEFAULT, config, data, domain, trained

SHOP = {
    "greet": ["hello", "hi", "good day", "good evening"],
    "leave": ["bye", "so long", "see you", "till tomorrow"],
    "price": ["what is the price", "how much is a bag", "what do I have to pay", "tell me the cost"],
    "contact": ["how can I reach you", "give me your number", "what is your address", "where is the shop"],
}
CLINIC = {
    "termin": ["ich brauche einen Termin", "kann ich morgen kommen", "wann haben Sie Zeit für mich"],
    "schmerzen": ["mein Zahn tut weh", "ich habe Zahnschmerzen", "mein Zahnfleisch blutet"],
    "öffnungszeiten": ["wann haben Sie geöffnet", "haben Sie samstags offen", "bis wann ist die Praxis besetzt"],
}
OWN = [(text, intent) for intent, texts in SHOP.items() for text in texts]
NONSENSE = ["asdkjh qwpoe", "xyzzy plugh", "lkjsdf oiwe nmzx", "مرحبا كيف حالك", "😀😀", "SELECT * FROM users"]


@functools.cache
def shop() -> Pipeline:
    """The shop's pipeline, without a FallbackClassifier."""
    return trained(data(SHOP), *DEFAULT[:-1])


@functools.cache
def clinic() -> Pipeline:
    """The same in German."""
    return trained(data(CLINIC), *DEFAULT[:-1])


def best(pipeline: Pipeline, text: str) -> tuple[str, float]:
    """Return the intent and its confidence."""
    intent = pipeline.parse(text)["intent"]
    return intent["name"], intent["confidence"]


@pytest.mark.parametrize(("text", "intent"), OWN)
def test_an_own_example_passes_any_threshold(text: str, intent: str) -> None:
    """Four intents of four examples: each example is understood with 0.99 or more."""
    name, confidence = best(shop(), text)

    assert name == intent
    assert confidence >= 0.99


@pytest.mark.parametrize("form", ["upper", "title", "{}!", "{} ...", "hi, {}", "Hello {}"])
def test_a_variant_of_an_own_example_passes_09(form: str) -> None:
    """Case, punctuation and a greeting before it do not bring an example below 0.9."""
    for text, intent in OWN:
        if form.endswith(" {}") and intent in ("greet", "leave"):
            continue  # "hi, bye" is both
        changed = form.format(text) if "{" in form else getattr(text, form)()
        name, confidence = best(shop(), changed)
        assert (name, confidence >= 0.9) == (intent, True), changed


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("what is the pirce", "price"),
        ("how mch is a bag", "price"),
        ("tell me the costt", "price"),
        ("good evning", "greet"),
        ("giv me your number", "contact"),
        ("what is your adress", "contact"),
        ("till tomorow", "leave"),
    ],
)
def test_a_typo_passes_09(text: str, intent: str) -> None:
    """One wrong letter in an own example does not bring it below 0.9."""
    name, confidence = best(shop(), text)

    assert name == intent
    assert confidence >= 0.9


def test_accents_may_be_missing() -> None:
    """An own example typed without accents passes 0.9, in another language than English."""
    for intent, texts in CLINIC.items():
        for text in texts:
            plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
            name, confidence = best(clinic(), plain)
            assert (name, confidence >= 0.9) == (intent, True), plain


@pytest.mark.parametrize("text", NONSENSE)
def test_nonsense_falls_back(text: str) -> None:
    """What means nothing stays below a common threshold."""
    assert best(shop(), text)[1] < 0.7


@given(st.sampled_from([*OWN, *((text, "") for text in NONSENSE), ("the shop is a bag", ""), ("price so long", "")]))
def test_confidence_keeps_the_order_of_the_scores(row: tuple[str, str]) -> None:
    """The ranking is that of the scores and of the calibrated probabilities, and sums to at most 1."""
    ranking = shop().parse(row[0])["intent_ranking"]
    message = shop().classify(row[0])
    assert message.classifier is not None
    by_score = [message.classifier.labels[place] for place in np.argsort(-message.scores[:-1], kind="stable")]

    values = [intent["confidence"] for intent in ranking]
    assert [intent["name"] for intent in ranking] == by_score
    assert values == sorted(values, reverse=True)
    assert sum(values) <= 1.0001
    assert [intent["name"] for intent in shop().diagnose(row[0])["calibrated"]] == by_score


def test_the_calibrated_probability_stays_available() -> None:
    """It is less sure than the confidence, and absent for a payload and without a classifier that has one."""
    calibrated = shop().diagnose("how much is a bag")["calibrated"]

    assert calibrated[0]["name"] == "price"
    assert 0.25 < calibrated[0]["confidence"] < 0.9
    assert shop().diagnose("/greet") == {"calibrated": []}
    assert trained(data(SHOP), {"name": "KeywordIntentClassifier"}).diagnose("hello") == {"calibrated": []}


@pytest.mark.parametrize("name", ["SklearnIntentClassifier", "MitieIntentClassifier"])
def test_other_classifiers_report_calibrated_probabilities(name: str) -> None:
    """Their kind of classifier reports probabilities in Rasa, too."""
    pipeline = trained(data(SHOP), *DEFAULT[:5], {"name": name})
    ranking = pipeline.parse("how much is a bag")["intent_ranking"]

    assert ranking == pipeline.diagnose("how much is a bag")["calibrated"]


def test_refused_own_examples_are_named_by_intent() -> None:
    """A warning for each intent says how many of its examples the threshold refuses, and which."""
    texts = {**SHOP, "confused": ["what is the price", "hello", "see you"]}
    pipeline = (*DEFAULT[:-1], {"name": "FallbackClassifier", "threshold": 0.9, "ambiguity_threshold": 0.1})
    nlu = data(texts)
    files = train_pipeline(config(*pipeline), nlu, domain(nlu), vectors=open_vectors)
    problems = find_refused_examples(files, nlu, domain(nlu), vectors=open_vectors)

    found = {problem.path: problem for problem in problems}
    assert set(found) == {"nlu.greet", "nlu.leave", "nlu.price", "nlu.confused"}
    assert all(problem.warning for problem in problems)
    assert "3 of 3 examples" in found["nlu.confused"].found
    assert '"hello"' in found["nlu.greet"].found
    assert "0.9" in found["nlu.greet"].expected
    assert find_refused_without_model(config(*pipeline), nlu, domain(nlu), vectors=open_vectors) == problems


def test_nothing_is_refused_without_a_threshold() -> None:
    """A pipeline without FallbackClassifier refuses nothing, nor does a project without examples."""
    nlu = data(SHOP)
    files = train_pipeline(config(*DEFAULT[:-1]), nlu, domain(nlu), vectors=open_vectors)

    assert find_refused_examples(files, nlu, domain(nlu), vectors=open_vectors) == []
    assert find_refused_without_model(config(*DEFAULT[:-1]), nlu, Domain(), vectors=open_vectors) == []
    assert find_refused_without_model(config(*DEFAULT), data({}), Domain(), vectors=open_vectors) == []


def test_logistic_regression_accepts_its_own_examples() -> None:
    """Rasa's LogisticRegressionClassifier gives its own examples 0.9 and more, too."""
    pipeline = trained(data(SHOP), *DEFAULT[:5], {"name": "LogisticRegressionClassifier"})

    assert min(best(pipeline, text)[1] for text, _ in OWN) >= 0.9
    assert max(best(pipeline, text)[1] for text in NONSENSE) < 0.5
