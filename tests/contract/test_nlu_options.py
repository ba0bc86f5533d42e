"""Every option that is said to have a meaning has one: changing it changes what is understood."""

from dataclasses import dataclass
from typing import Any

import pytest

from manent.core.errors import ProjectError
from manent.core.events import Json
from manent.core.training_data import NluData
from manent.nlu.pipeline import Pipeline
from manent.nlu.registry import KINDS
from support.nlu_samples import GREETINGS, data, trained

TOKENIZER = {"name": "WhitespaceTokenizer"}
WORDS = {"name": "CountVectorsFeaturizer", "alias": "words"}
LETTERS = {"name": "CountVectorsFeaturizer", "alias": "letters", "analyzer": "char_wb", "max_ngram": 3}
DIET = {"name": "DIETClassifier"}
CRF = {"name": "CRFEntityExtractor"}


def _pizzeria() -> NluData:
    orders = ["order [2](amount) [soups](dish)", "bring me [3](amount) [pizza](dish)", "a [soup](dish) please"]
    return data({"greet": ["hello", "hi"], "order": orders}, lookups={"dish": ("Soup", "pizza")}, regexes=_NUMBERS)


_NUMBERS = (("amount", r"\d+"),)


def _lists() -> NluData:
    sources = [
        "buy [milk](food)",
        "buy [bread](food), [milk](food)",
        "get [eggs](food), [bread](food)",
        "i need [sugar](food), [salt](food)",
        "i need [brown rice](food)",
        "get [white flour](food)",
    ]
    return data({"buy": sources, "greet": ["hello", "hi", "good morning"]})


def _faq() -> NluData:
    answers: dict[str, list[Json]] = {
        "utter_faq/name": [{"text": "I am Otter."}],
        "utter_faq/weather": [{"text": "I am Otter."}],
    }
    return data(
        {
            "faq/name": ["what is your name", "who are you", "tell me your name"],
            "faq/weather": ["how is the weather", "is it raining", "will it be sunny"],
            "chat/joke": ["tell me a joke", "make me laugh", "say something funny"],
        },
        responses=answers,
    )


def _several() -> NluData:
    greetings = ["hello", "hi there", "good morning", "hey", "good evening", "hey you"]
    orders = ["bring me a pizza", "one soup please", "i want a salad", "a burger for me", "i want two soups"]
    both = ["hello bring me a pizza", "good evening a salad for me", "hey one burger please"]
    return data({"greet": greetings, "order": orders, "greet+order": both})


@dataclass(frozen=True)
class Case:
    """A pipeline (the component under test is `...`), data, and texts of which one must be understood differently."""

    changed: Any
    texts: tuple[str, ...]
    nlu: NluData
    before: tuple[Any, ...] = (TOKENIZER,)
    after: tuple[Any, ...] = ()
    given: tuple[tuple[str, Any], ...] = ()


_GREET = ("Helo you",)
_EAT = ("order 7 soups now", "bring me 44 pizza please", "give me soup and pizzas")
_ALL = (TOKENIZER, WORDS, LETTERS)
_SPLIT = {
    "token_pattern": Case(r"[^_]+", ("good_morning you",), data(), before=()),
    "intent_tokenization_flag": Case(
        True,
        ("hi there one soup please",),
        _several(),
        before=(),
        after=(DIET,),
        given=(("intent_split_symbol", "+"),),
    ),
    "intent_split_symbol": Case(
        "+",
        ("hi there one soup please",),
        _several(),
        before=(),
        after=(DIET,),
        given=(("intent_tokenization_flag", True),),
    ),
}
_FEATURIZERS = Case(["words"], _GREET, data(), before=_ALL)
_RANKING = Case(2, _GREET, data(), before=_ALL)
_BILOU = Case(False, ("get brown rice", "buy milk, bread"), _lists())
_COMMAS = Case(False, ("buy milk, bread",), _lists())
_PATTERNS = {
    "case_sensitive": Case(True, _EAT, _pizzeria()),
    "use_lookup_tables": Case(False, _EAT, _pizzeria()),
    "use_regexes": Case(False, _EAT, _pizzeria()),
    "use_word_boundaries": Case(False, _EAT, _pizzeria()),
}

CASES: dict[str, dict[str, Case]] = {
    "WhitespaceTokenizer": _SPLIT,
    "JiebaTokenizer": _SPLIT,
    "RegexFeaturizer": {
        name: Case(not case.changed if name == "case_sensitive" else case.changed, _EAT, case.nlu, after=(CRF,))
        for name, case in _PATTERNS.items()
    },
    "LexicalSyntacticFeaturizer": {
        "features": Case([["suffix3"], ["prefix5", "digit"], []], _EAT, _pizzeria(), after=(CRF,))
    },
    "CountVectorsFeaturizer": {
        name: Case(changed, ("Hello there yoü", "café"), _cafe, after=(DIET,), given=(("max_ngram", 2),))
        for _cafe in [data({**GREETINGS, "drink": ["cafe", "a cafe please"]})]
        for name, changed in {
            "analyzer": "char_wb",
            "min_ngram": 2,
            "max_ngram": 3,
            "lowercase": False,
            "strip_accents": "unicode",
            "min_df": 2,
            "max_df": 0.1,
            "max_features": 3,
        }.items()
    },
    "DIETClassifier": {
        "intent_classification": Case(False, _EAT, data(), before=_ALL),
        "entity_recognition": Case(False, _EAT, data(), before=_ALL),
        "random_seed": Case(7, _GREET, data(), before=_ALL),
        "ranking_length": _RANKING,
        "renormalize_confidences": Case(True, ("blorp",), data(), before=_ALL),
        "BILOU_flag": _BILOU,
        "split_entities_by_comma": _COMMAS,
        "featurizers": _FEATURIZERS,
    },
    "LogisticRegressionClassifier": {
        "max_iter": Case(1, _GREET, data(), before=_ALL),
        "random_state": Case(7, _GREET, data(), before=_ALL),
        "ranking_length": _RANKING,
        "featurizers": _FEATURIZERS,
    },
    "SklearnIntentClassifier": {"ranking_length": _RANKING, "featurizers": _FEATURIZERS},
    "MitieIntentClassifier": {"featurizers": _FEATURIZERS},
    "KeywordIntentClassifier": {"case_sensitive": Case(False, ("HELLO there",), data())},
    "FallbackClassifier": {
        "threshold": Case(1, ("good afternoon",), data(), before=(*_ALL, DIET)),
        "ambiguity_threshold": Case(1, ("good afternoon",), data(), before=(*_ALL, DIET)),
    },
    "CRFEntityExtractor": {"BILOU_flag": _BILOU, "split_entities_by_comma": _COMMAS},
    "MitieEntityExtractor": {"BILOU_flag": _BILOU, "split_entities_by_comma": _COMMAS},
    "RegexEntityExtractor": _PATTERNS,
    "ResponseSelector": {
        "retrieval_intent": Case("faq", ("tell me your name",), _faq()),
        "use_text_as_label": Case(True, ("tell me your name",), _faq()),
        "ranking_length": Case(1, ("tell me your name",), _faq()),
        "featurizers": Case(["words"], ("tel me your nam",), _faq(), before=_ALL),
    },
}
ELSEWHERE = {
    # Options of what needs a server or a library; `test_duckling.py` and `test_libraries.py` change them.
    "DucklingEntityExtractor",
    "SpacyNLP",
    "SpacyEntityExtractor",
}


def _pipeline(component: str, option: str, case: Case, *, changed: bool) -> Pipeline:
    options = {**dict(case.given), **({option: case.changed} if changed else {})}
    return trained(case.nlu, *case.before, {"name": component, **options}, *case.after)


@pytest.mark.parametrize(
    ("component", "option"), [(component, option) for component, options in CASES.items() for option in options]
)
def test_each_option_changes_a_parse_result(component: str, option: str) -> None:
    """With another value than the default, the parse result of some text changes."""
    case = CASES[component][option]
    usual = _pipeline(component, option, case, changed=False)
    other = _pipeline(component, option, case, changed=True)

    assert [usual.parse(text) for text in case.texts] != [other.parse(text) for text in case.texts]


def test_all_options_are_tested() -> None:
    """The table above contains all options of all components, and no others."""
    kinds = {id(kind): name for name, kind in reversed(KINDS.items()) if kind.options and name not in ELSEWHERE}
    kinds = {key: name for key, name in kinds.items() if name != "DucklingHTTPExtractor"}

    assert {name: set(CASES.get(name, ())) for name in kinds.values()} == {
        name: set(KINDS[name].options) for name in kinds.values()
    }


def test_each_option_has_values() -> None:
    """Each option has a list of values that contains its default."""
    for name, kind in KINDS.items():
        known = kind.declared
        assert set(kind.options) <= set(known.values), name
        assert known.read(kind.options)[1] == {}, name


def test_numbers_in_quotes_are_read() -> None:
    """Training accepts numbers in quotes, and rejects other strings."""
    fallback = {"name": "FallbackClassifier", "threshold": "1", "ambiguity_threshold": None}

    assert trained(data(), TOKENIZER, WORDS, DIET, fallback).parse("good afternoon")["intent"]["name"] == "nlu_fallback"
    with pytest.raises(ProjectError, match=r"pipeline.FallbackClassifier.threshold .*\n.*a number from 0 to 1"):
        trained(data(), {**fallback, "threshold": "high"})


def test_intents_are_split_into_tokens() -> None:
    """With `intent_tokenization_flag`, two intents at once are learned from the examples of each."""

    def understood(text: str, *, flag: bool) -> str:
        tokenizer = {**TOKENIZER, "intent_tokenization_flag": flag, "intent_split_symbol": "+"}
        return str(trained(_several(), tokenizer, WORDS, DIET).parse(text)["intent"]["name"])

    text = "hi there i want two soups"
    assert (understood(text, flag=False), understood(text, flag=True)) == ("order", "greet+order")
    assert understood("hi there", flag=True) == "greet"
    assert understood("i want two soups", flag=True) == "order"
