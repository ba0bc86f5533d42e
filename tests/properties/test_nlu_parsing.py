import contextlib
import functools
import gzip
import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manent.core.domain import Domain
from manent.core.errors import ModelError
from manent.core.tokens import character_tokens, whitespace_tokens
from manent.models.archive import read_model, write_model
from manent.models.vectors import open_vectors
from manent.nlu.message import Message
from manent.nlu.pipeline import Pipeline, load_pipeline
from manent.nlu.training import train_pipeline
from support.nlu_samples import DEFAULT, config, data, domain, trained

_texts = st.one_of(
    st.text(max_size=80),
    st.text(alphabet="ab 1.,'-@#/:?😀é\n\t{}\"[]()", max_size=40),
    st.lists(st.sampled_from(["two", "pizzas", "hello", "bring", "me", ",", "😀", "10.5", "İ", "ﬁ"]), max_size=12).map(
        " ".join
    ),
)


@functools.cache
def _pipeline() -> Pipeline:
    lists = data(lookups={"dish": ("soup", "pizza")}, regexes=(("amount", r"\d+"),))
    return trained(lists, *DEFAULT[:-1], {"name": "RegexEntityExtractor"}, *DEFAULT[-2:])


@settings(deadline=None)  # the first call trains
@given(_texts)
def test_any_text_is_understood_somehow(text: str) -> None:
    """No text raises, every span lies in the text, confidences are probabilities, and twice the same is the same."""
    result = _pipeline().parse(text)

    assert result["text"] == text.strip()
    for entity in result["entities"]:
        assert 0 <= entity["start"] < entity["end"] <= len(result["text"])
        assert entity["value"] is not None
    for start, end in result.get("text_tokens", []):
        assert 0 <= start <= end <= len(result["text"])
    assert all(0 <= item["confidence"] <= 1.0001 for item in result["intent_ranking"])
    assert _pipeline().parse(text) == result


@settings(deadline=None)  # the first call trains
@given(_texts)
def test_an_extracted_value_is_what_the_text_says(text: str) -> None:
    """Without synonyms an entity's value is its span of the text."""
    extracted = _extractor().parse(text)

    assert all(
        entity["value"] == extracted["text"][entity["start"] : entity["end"]] for entity in extracted["entities"]
    )


@functools.cache
def _extractor() -> Pipeline:
    return trained(data(), *DEFAULT[:-2])


@settings(deadline=None)  # the first call trains
@given(_texts)
def test_tokens_are_in_order_and_hold_no_blanks(text: str) -> None:
    """Tokens don't overlap; only a text of nothing but signs is one token with whatever is in it."""
    for find in (whitespace_tokens, character_tokens):
        tokens = find(text)
        assert tokens
        assert all(first[1] <= second[0] for first, second in itertools.pairwise(tokens))
        if tokens != [(0, len(text))]:
            assert all(text[start:end].strip() and len(text[start:end].split()) == 1 for start, end in tokens)


@functools.cache
def _model() -> dict[str, bytes]:
    nlu = data()
    return train_pipeline(config(*DEFAULT), nlu, domain(nlu), vectors=open_vectors)


@settings(deadline=None)  # the first call trains
@given(st.data())
def test_a_damaged_model_is_refused(tmp_path_factory: pytest.TempPathFactory, draw: st.DataObject) -> None:
    """Wherever a byte of a model file is flipped, reading it fails with an error of ours or gives what was written."""
    path = tmp_path_factory.getbasetemp() / "damaged.tar.gz"
    whole = _written(tmp_path_factory.getbasetemp())
    place = draw.draw(st.integers(0, len(whole) - 1))
    bit = draw.draw(st.integers(0, 7))
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])

    try:
        files = read_model(path)
    except ModelError:
        return
    assert files == _model()


@functools.cache
def _written(folder: Path) -> bytes:
    write_model(folder / "whole.tar.gz", _model())
    assert gzip.decompress((folder / "whole.tar.gz").read_bytes())
    return (folder / "whole.tar.gz").read_bytes()


@settings(deadline=None)  # the first call trains
@given(st.sampled_from(sorted(_model())), st.binary(max_size=64))
def test_foreign_bytes_in_a_model_are_refused_or_harmless(name: str, content: bytes) -> None:
    """A file of a model that holds something else is an error of ours when it is loaded, never code that runs."""
    with contextlib.suppress(ModelError):
        load_pipeline({**_model(), name: content}, Domain(), vectors=open_vectors)


@given(_texts)
def test_lowered_words_are_the_words_in_lower_case(text: str) -> None:
    """Whatever a text is written in."""
    message = Message(text.strip())
    message.set_tokens(whitespace_tokens(message.text))

    assert message.lowered == [word.lower() for word in message.words]
