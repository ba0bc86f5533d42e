"""NLU components that were written for Rasa run unmodified."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from manent.core.domain import Domain
from manent.core.errors import ModelError, ProjectError
from manent.core.training_data import AssistantConfig, ComponentConfig, Example, Where
from manent.extensions.model_code import trust_model_code
from manent.models.vectors import open_vectors
from manent.nlu.evaluation import find_extractors, judge
from manent.nlu.pipeline import Pipeline, load_pipeline
from manent.nlu.training import train_pipeline
from manent.project.problems import Report
from manent.project.settings.config import read_config
from manent.project.yaml.documents import parse_document
from support.nlu_samples import data

FOLDER = Path(__file__).parents[2] / "assistants/rasa_components"
EXAMPLES = data()


@pytest.fixture(autouse=True)
def _components(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The project's folder is on the import path, and nothing of it stays imported."""
    monkeypatch.syspath_prepend(str(FOLDER))
    finders = list(sys.meta_path)
    yield
    sys.meta_path[:] = finders
    for name in [name for name in sys.modules if name.partition(".")[0] in ("rasa", "components")]:
        del sys.modules[name]


Part = str | tuple[str, dict[str, Any]]


def config(*parts: Part) -> AssistantConfig:
    """Return a configuration with these components."""
    named = [(part, {}) if isinstance(part, str) else part for part in parts]
    components = tuple(
        ComponentConfig(name=name, options=options, where=Where(file="config.yml", line=line))
        for line, (name, options) in enumerate(named, start=3)
    )
    return AssistantConfig(language="en", pipeline=components)


def trained(*parts: Part, previous: dict[str, bytes] | None = None) -> dict[str, bytes]:
    """Return the files of a model with these components."""
    return train_pipeline(config(*parts), EXAMPLES, Domain(), vectors=open_vectors, previous=previous)


def loaded(files: dict[str, bytes]) -> Pipeline:
    """Return the pipeline that a server loads from a model."""
    return load_pipeline(files, Domain(), vectors=open_vectors)


def test_an_annotator_adds_an_entity_and_reads_its_file() -> None:
    """What `train` stored is there after a restart, and an entity may have no place in the text."""
    pipeline = loaded(trained("WhitespaceTokenizer", "components.annotators.SentimentAnnotator"))

    result = pipeline.parse("i love this")

    assert result["entities"] == [
        {"entity": "sentiment", "value": "pos", "confidence": 1.0, "extractor": "sentiment_extractor"}
    ]
    assert result["known_intents"] == sorted({example.intent for example in EXAMPLES.examples})


def test_a_detector_adds_a_key_to_the_output() -> None:
    """The numbers of NumPy become numbers of JSON."""
    pipeline = loaded(trained("components.annotators.LanguageDetector"))

    assert pipeline.parse("hallo und gut")["language"] == {"code": "de", "confidence": 0.5}


def test_a_rule_based_extractor_has_options() -> None:
    """Options of `config.yml` replace those of the class."""
    plain = loaded(trained("WhitespaceTokenizer", "components.annotators.OrderExtractor"))
    other = loaded(trained("WhitespaceTokenizer", ("components.annotators.OrderExtractor", {"pattern": r"@\d+"})))

    found = {"entity": "order", "start": 4, "end": 7, "value": "12", "confidence": 1.0, "extractor": "OrderExtractor"}
    assert plain.parse("buy #12")["entities"] == [found]
    assert other.parse("buy #12")["entities"] == []
    assert other.parse("buy @12")["entities"] == [found]


def test_a_corrector_changes_the_text_before_the_tokenizer() -> None:
    """The tokens, and everything after them, are those of the corrected text."""
    corrector = ("components.texts.SpellingCorrector", {"words": {"helo": "hello"}})
    pipeline = loaded(
        trained(corrector, "WhitespaceTokenizer", "CountVectorsFeaturizer", "LogisticRegressionClassifier")
    )

    result = pipeline.parse("helo there")

    assert result["text"] == "hello there"
    assert result["text_tokens"] == [[0, 5], [6, 11]]


def test_the_words_of_a_tokenizer_are_the_words_of_later_components() -> None:
    """A classifier that knows a stem recognises all its forms."""
    pipeline = loaded(trained("components.texts.StemmingTokenizer", "CountVectorsFeaturizer", "DIETClassifier"))

    once, twice = pipeline.classify("pizza"), pipeline.classify("PIZZAS")

    assert once.words == twice.words == ["pizza"]
    assert once.intent == twice.intent
    assert pipeline.parse("two pizzas")["text_tokens"] == [[0, 3], [4, 10]]


def test_a_classifier_uses_dense_features() -> None:
    """A word that only a list knows decides the intent."""
    lists = {"lists": {"greetings": ["hello", "hi", "hey", "ahoy"], "food": ["pizza", "pasta", "soup"]}}
    featurizer = ("components.texts.WordListFeaturizer", lists)
    usual = ("WhitespaceTokenizer", "CountVectorsFeaturizer")
    with_list = loaded(trained(*usual, featurizer, "LogisticRegressionClassifier"))
    without = loaded(trained(*usual, "LogisticRegressionClassifier"))

    intents = {example.intent for example in EXAMPLES.examples if example.text.split()[0].lower() in ("hello", "hi")}
    (greet,) = intents

    def share(pipeline: Pipeline) -> float:
        ranking = pipeline.parse("ahoy")["intent_ranking"]
        return float(next(each["confidence"] for each in ranking if each["name"] == greet))

    assert share(with_list) > share(without) + 0.1


def test_a_classifier_uses_sparse_features_with_a_vocabulary() -> None:
    """The vocabulary, a file in a folder of the resource, is in the model."""
    files = trained("WhitespaceTokenizer", "components.texts.LetterFeaturizer", "DIETClassifier")

    names = [name for name in files if name.endswith("letters.txt")]
    pipeline = loaded(files)

    assert names == [
        "nlu/01-components.texts.LetterFeaturizer/train_components.texts.LetterFeaturizer/vocabulary/letters.txt"
    ]
    assert pipeline.parse(EXAMPLES.examples[0].text)["intent"]["name"] == EXAMPLES.examples[0].intent


def test_an_entity_extractor_uses_the_features_of_tokens() -> None:
    """A word of a list is found as an entity, although no example contains it."""
    annotated = {mention.entity for example in EXAMPLES.examples for mention in example.entities}
    words = {
        example.text[mention.start : mention.end].lower()
        for example in EXAMPLES.examples
        for mention in example.entities
        if mention.entity == min(annotated)
    }
    featurizer = ("components.texts.WordListFeaturizer", {"lists": {"known": [*words, "zzyzx"]}})
    example = next(each for each in EXAMPLES.examples if any(m.entity == min(annotated) for m in each.entities))
    mention = next(each for each in example.entities if each.entity == min(annotated))
    text = f"{example.text[: mention.start]}zzyzx{example.text[mention.end :]}"

    def found(*parts: Part) -> list[str]:
        entities = loaded(trained(*parts)).parse(text)["entities"]
        return [entity["entity"] for entity in entities if entity["value"] == "zzyzx"]

    assert found("WhitespaceTokenizer", featurizer, "CRFEntityExtractor") == [min(annotated)]


def test_a_classifier_stores_plain_data() -> None:
    """JSON, and a pickle of plain values, need no permission."""
    for kind in ("json", "plain pickle"):
        pipeline = loaded(
            trained("WhitespaceTokenizer", ("components.classifiers.OverlapClassifier", {"format": kind}))
        )
        for example in EXAMPLES.examples[:3]:
            assert pipeline.parse(example.text)["intent"]["name"] == example.intent


def test_a_pickle_that_names_a_class_is_refused_even_if_the_component_hides_it() -> None:
    """The training fails with the name and what to do, and so does a start with a model from elsewhere."""
    part = ("components.classifiers.OverlapClassifier", {"format": "pickle"})
    with pytest.raises(ModelError, match=r"unpickles components\.classifiers\.Counts .*trust_model_code"):
        trained("WhitespaceTokenizer", part)

    trust_model_code(is_trusted=True)
    try:
        files = trained("WhitespaceTokenizer", part)
        pipeline = loaded(files)
        assert pipeline.parse(EXAMPLES.examples[0].text)["intent"]["name"] == EXAMPLES.examples[0].intent
    finally:
        trust_model_code(is_trusted=False)
    with pytest.raises(ModelError, match=r"unpickles components\.classifiers\.Counts"):
        loaded(files)


def test_a_component_of_rasa_2() -> None:
    """`persist` and `load` with a file and a description, `message.text`, and defaults."""
    pipeline = loaded(trained("WhitespaceTokenizer", ("components.classifiers.Shouting", {"least": 3})))

    longest = max(len(example.text) for example in EXAMPLES.examples)
    assert pipeline.parse("HELP ME")["intent"] == {"name": "shout", "confidence": 1.0}
    assert pipeline.parse("HELP ME")["longest"] == longest
    assert pipeline.parse("HE")["intent"]["name"] is None


def test_an_unchanged_component_is_not_trained_again() -> None:
    """A second training copies its files, and later components still see its tokens and features."""
    parts: tuple[Part, ...] = ("WhitespaceTokenizer", "components.texts.LetterFeaturizer", "DIETClassifier")
    first = trained(*parts)
    again = trained(*parts, previous=first)
    changed = trained(*parts[:2], "LogisticRegressionClassifier", previous=first)

    assert again == first
    assert loaded(changed).parse(EXAMPLES.examples[0].text)["intent"]["name"] == EXAMPLES.examples[0].intent


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Unregistered", "a class without `@DefaultV1Recipe.register"),
        ("NeedsPackage", "a component that needs the module no_such_module"),
        ("OnlyGerman", "a component that does not support the language 'en'"),
        ("Failing", "ZeroDivisionError in `train`: division by zero (line"),
    ],
)
def test_a_class_that_cannot_run_is_an_error_with_its_line(name: str, found: str) -> None:
    """The error names the line of `config.yml`, and the line of the class if its code fails."""
    with pytest.raises(ProjectError) as caught:
        trained("WhitespaceTokenizer", f"components.broken.{name}")

    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.code) == ("config.yml", 4, "pipeline.bad-component")
    assert found in problem.found


@pytest.mark.parametrize(
    ("module", "found"),
    [
        ("missing_module", "the module rasa.nlu.no_such_part"),
        ("missing_name", "cannot import name 'NoSuchName' from 'rasa.nlu.components'"),
        ("extends_diet", "MyDiet extends DIETClassifier, which Manent implements differently"),
    ],
)
def test_an_import_that_is_missing_is_named(module: str, found: str) -> None:
    """A name that Manent does not provide is named, with the page that lists those that it does."""
    with pytest.raises(ProjectError) as caught:
        trained("WhitespaceTokenizer", f"components.{module}.Anything")

    (problem,) = caught.value.problems
    assert found in problem.found


def test_a_component_without_those_that_it_needs_is_an_error(tmp_path: Path) -> None:
    """`required_components` is checked in the order of the pipeline, also for built-in components."""
    extractor, tokenizer = "- name: components.annotators.OrderExtractor\n", "- name: WhitespaceTokenizer\n"
    for entries, lines in ((extractor + tokenizer, [2]), (tokenizer + extractor, [])):
        report = Report(tmp_path)
        document = parse_document(f"pipeline:\n{entries}", "config.yml", report)
        read_config(document, "config.yml", tmp_path, report)
        assert [problem.line for problem in report.errors] == lines


def test_entities_without_a_place_are_not_evaluated() -> None:
    """An annotator's entity has no counterpart in the examples; the others are evaluated."""
    parts = ("WhitespaceTokenizer", "components.annotators.SentimentAnnotator", "components.annotators.OrderExtractor")
    pipeline = loaded(trained(*parts))
    judged = judge([Example(text="buy #12", intent="order")], pipeline.parse)

    assert find_extractors(judged) == ["OrderExtractor"]
    assert [entity["value"] for entity in judged[0].result["entities"]] == ["12"]
