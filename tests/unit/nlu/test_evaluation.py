import struct
from collections.abc import Mapping

import pytest

from manent.core.events import Json
from manent.core.training_data import NluData
from manent.nlu.evaluation import (
    Judged,
    count_confusions,
    find_extractors,
    judge,
    list_entities,
    list_intents,
    list_responses,
    make_folds,
    report_entities,
    report_intents,
    report_responses,
    score_spans,
    split_confidences,
    split_data,
    summarise,
)
from manent.nlu.plots import draw_confusions, draw_histogram
from support.nlu_samples import data, example

_PREDICTIONS: Mapping[str, tuple[str | None, float]] = {
    "hi": ("greet", 0.9),
    "hello": ("greet", 0.8),
    "bye": ("greet", 0.6),
    "see you": ("bye", 0.7),
    "what": (None, 0.0),
}


def _judged() -> list[Judged]:
    examples = data({"greet": ["hi", "hello"], "bye": ["bye", "see you"], "ask": ["what"]}).examples

    def parse(text: str) -> Json:
        name, confidence = _PREDICTIONS[text]
        return {"text": text, "intent": {"name": name, "confidence": confidence}, "entities": []}

    return judge(examples, parse)


def test_the_intent_report_is_scikit_learns() -> None:
    """Precision, recall, F1 and support of every intent, what it was taken for, and the averages."""
    report = report_intents(_judged())

    assert report["greet"] == {
        "precision": pytest.approx(2 / 3),
        "recall": 1.0,
        "f1-score": pytest.approx(0.8),
        "support": 2,
        "confused_with": {},
    }
    assert report["bye"]["confused_with"] == {"greet": 1}
    assert report["ask"]["recall"] == 0.0
    assert report["accuracy"] == pytest.approx(0.6)
    assert report["macro avg"]["recall"] == pytest.approx(0.5)
    assert report["weighted avg"]["recall"] == pytest.approx(0.6)


def test_errors_and_successes_are_listed() -> None:
    """Every example is in one of the two lists, with what was predicted."""
    errors = list_intents(_judged(), right=False)

    assert errors[0] == {
        "text": "bye",
        "intent": "bye",
        "intent_prediction": {"name": "greet", "confidence": 0.6},
    }
    assert len(errors) + len(list_intents(_judged(), right=True)) == 5


def test_confusions_and_confidences_are_counted() -> None:
    """The matrix has a row per right intent; confidences are apart by whether they were deserved."""
    labels, counts = count_confusions(_judged())

    assert labels == ["ask", "bye", "greet"]
    assert counts == [[0, 0, 0], [0, 1, 1], [0, 0, 2]]
    assert split_confidences(_judged()) == ([0.9, 0.8, 0.7], [0.6, 0.0])


def _entity(start: int, end: int, name: str) -> Json:
    return {"entity": name, "start": start, "end": end, "value": "x", "extractor": "DIETClassifier"}


def _judged_entities() -> list[Judged]:
    first = example("[New York](city) to [Rome](city) at [noon](time)", "travel")
    result: Json = {
        "text": first.text,
        "intent": {"name": "travel", "confidence": 1.0},
        "entities": [_entity(0, 8, "city"), _entity(12, 16, "time")],
        "text_tokens": [[0, 3], [4, 8], [9, 11], [12, 16], [17, 19], [20, 24]],
    }
    return [Judged(example=first, result=result)]


def test_entities_are_scored_token_by_token() -> None:
    """The report of an extractor counts tokens; none is a hit for being outside on both sides."""
    judged = _judged_entities()

    assert find_extractors(judged) == ["DIETClassifier"]
    report = report_entities(judged, "DIETClassifier")
    assert report["city"]["recall"] == pytest.approx(2 / 3)
    assert report["city"]["precision"] == 1.0
    assert report["city"]["confused_with"] == {"time": 1}
    assert report["time"]["f1-score"] == 0.0
    assert report["micro avg"] == {
        "precision": pytest.approx(2 / 3),
        "recall": pytest.approx(0.5),
        "f1-score": pytest.approx(4 / 7),
        "support": 4,
    }
    assert report["accuracy"] > report["weighted avg"]["recall"]
    assert report_entities(judged, "Another")["micro avg"]["f1-score"] == 0.0


def test_spans_are_scored_exactly() -> None:
    """One of two found, one of three there."""
    assert score_spans(_judged_entities()) == {
        "precision": 0.5,
        "recall": pytest.approx(1 / 3),
        "f1-score": pytest.approx(0.4),
        "support": 3,
    }


def test_messages_with_wrong_entities_are_listed() -> None:
    """A message belongs to the errors unless every span was found."""
    (error,) = list_entities(_judged_entities(), "DIETClassifier", right=False)

    assert error["text"] == "New York to Rome at noon"
    assert error["entities"][0] == {"start": 0, "end": 8, "entity": "city", "value": "New York"}
    assert len(error["predicted_entities"]) == 2
    assert list_entities(_judged_entities(), "DIETClassifier", right=True) == []


def test_selected_answers_are_scored() -> None:
    """Retrieval intents are compared by their full name; without any the report is empty."""
    examples = data({"faq/name": ["who"], "faq/age": ["how old"], "greet": ["hi"]}).examples
    selected = {"who": "faq/name", "how old": "faq/name", "hi": "faq/name"}

    def parse(text: str) -> Json:
        response = {"response": {"intent_response_key": selected[text], "confidence": 0.5}}
        return {"intent": {"name": "faq", "confidence": 1.0}, "entities": [], "response_selector": {"faq": response}}

    judged = judge(examples, parse)
    assert report_responses(judged)["accuracy"] == 0.5
    assert [item["text"] for item in list_responses(judged, right=False)] == ["how old"]
    assert report_responses(_judged()) == {}


def _many() -> NluData:
    intents = {"a": [f"a {number}" for number in range(10)], "b": ["b 0", "b 1"], "c": ["c 0"]}
    return data(intents, synonyms={"x": "y"})


def test_a_split_keeps_every_intent_in_both_parts() -> None:
    """Each intent is split by the fraction, with at least one example on both sides when it has two."""
    first, second = split_data(_many(), fraction=0.8, seed=3)

    assert [sum(item.intent == name for item in first.examples) for name in "abc"] == [8, 1, 1]
    assert [sum(item.intent == name for item in second.examples) for name in "abc"] == [2, 1, 0]
    assert first.synonyms == second.synonyms == {"x": "y"}
    assert split_data(_many(), fraction=0.8, seed=3) == (first, second)
    assert split_data(_many(), fraction=0.8, seed=4) != (first, second)


def test_folds_test_every_example_once() -> None:
    """The test parts make up the whole, and no example is in both parts of a fold."""
    folds = make_folds(_many(), 5, seed=1)

    assert sorted(item.text for _, held in folds for item in held.examples) == sorted(
        item.text for item in _many().examples
    )
    assert all(not set(kept.examples) & set(held.examples) for kept, held in folds)
    assert all(sum(item.intent == "a" for item in held.examples) == 2 for _, held in folds)


def test_folds_are_summarised_by_mean_and_deviation() -> None:
    """The deviation is that of all values."""
    assert summarise([1.0, 3.0]) == (2.0, 1.0)
    assert summarise([]) == (0.0, 0.0)


def _size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_pictures_grow_with_what_they_show() -> None:
    """Both are PNGs; a matrix of more labels is larger; nothing to show is no error."""
    small = draw_confusions(["a", "b"], [[3, 1], [0, 2]], title="Intents")
    labels = [f"a rather long name of an intent {number}" for number in range(50)]
    large = draw_confusions(labels, [[1] * 50] * 50, title="Intents")

    assert _size(large) > _size(small)
    assert draw_confusions(["a", "b"], [[3, 1], [0, 2]], title="Intents") == small
    assert draw_confusions(["a", "b"], [[3, 0], [1, 2]], title="Intents") != small
    assert _size(draw_confusions([], [], title="Nothing"))
    assert draw_histogram([0.9, 1.0], [0.2], title="Sure") != draw_histogram([], [], title="Sure")
