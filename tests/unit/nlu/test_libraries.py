"""Components that use a library when it is installed: spaCy and jieba. They run where these are, and say so if not."""

import importlib
import importlib.util
from pathlib import Path
from typing import Any

import pytest

from manent.core.errors import ModelError
from manent.models.vectors import open_vectors
from manent.nlu.pipeline import load_pipeline
from manent.nlu.training import train_pipeline
from support.nlu_samples import config, data, domain, trained

TOKENIZER = {"name": "WhitespaceTokenizer"}
DIET = {"name": "DIETClassifier", "entity_recognition": False}
CHINESE = {
    "weather": ["今天天气怎么样", "明天会下雨吗", "北京天气好吗"],
    "greet": ["你好", "早上好", "晚上好"],
}
with_spacy = pytest.mark.skipif(importlib.util.find_spec("spacy") is None, reason="spaCy is not installed")
with_jieba = pytest.mark.skipif(importlib.util.find_spec("jieba") is None, reason="jieba is not installed")


@pytest.fixture
def model(tmp_path: Path) -> str:
    """Make a spaCy model on the disk: a blank English one with rules for entities, as none can be downloaded."""
    spacy: Any = importlib.import_module("spacy")
    language = spacy.blank("en")
    ruler: Any = language.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "GPE", "pattern": "Bonn"}, {"label": "DATE", "pattern": "tomorrow"}])
    language.to_disk(tmp_path / "rules")
    return str(tmp_path / "rules")


@with_spacy
@pytest.mark.parametrize(
    ("dimensions", "found"), [(None, [("GPE", "Bonn"), ("DATE", "tomorrow")]), (["GPE"], [("GPE", "Bonn")])]
)
def test_spacys_entities(model: str, dimensions: list[str] | None, found: list[tuple[str, str]]) -> None:
    """The pipeline has them with their places; `dimensions` chooses among them, `model` says whose they are."""
    extractor = {"name": "SpacyEntityExtractor", "dimensions": dimensions}
    entities = trained(data(), {"name": "SpacyNLP", "model": model}, TOKENIZER, extractor).parse("to Bonn tomorrow")[
        "entities"
    ]

    assert [(entity["entity"], entity["value"]) for entity in entities] == found
    assert (entities[0]["start"], entities[0]["end"], entities[0]["confidence"]) == (3, 7, None)


@with_spacy
def test_a_spacy_model_that_is_not_there_is_named() -> None:
    """What to type is in the error."""
    pipeline = trained(data(), {"name": "SpacyNLP", "model": "no_model"}, TOKENIZER, {"name": "SpacyEntityExtractor"})

    with pytest.raises(ModelError, match="python -m spacy download no_model"):
        pipeline.parse("to Bonn")


@with_jieba
def test_jieba_finds_chinese_words() -> None:
    """Tokens are words of several characters, and nothing of the text is lost."""
    pipeline = trained(data(CHINESE), {"name": "JiebaTokenizer"}, DIET, language="zh")
    result = pipeline.parse("明天天气怎么样")

    words = [result["text"][start:end] for start, end in result["text_tokens"]]
    assert "".join(words) == result["text"]
    assert "明天" in words
    assert result["intent"]["name"] == "weather"


@pytest.mark.parametrize(
    ("name", "library"), [("JiebaTokenizer", "jieba"), ("SpacyNLP", "spacy"), ("SpacyEntityExtractor", "spacy")]
)
def test_training_says_what_to_install(name: str, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the library the assistant trains and runs, and one line says what is missing."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda wanted: None if wanted == library else find(wanted))
    told: list[str] = []
    component = {"name": name, "model": "en_core_web_md"} if name == "SpacyNLP" else {"name": name}
    nlu = data(CHINESE)
    files = train_pipeline(
        config(component, DIET, language="zh"), nlu, domain(nlu), progress=told.append, vectors=open_vectors
    )

    assert len([line for line in told if line.startswith(f"{name}:") and "training" not in line]) == 1
    assert load_pipeline(files, domain(nlu), vectors=open_vectors).parse("你好")["text"] == "你好"
