"""Opening the installed word vectors."""

import importlib.util

import pytest

from manent.core.errors import ModelError
from manent.models.vectors import open_vectors
from manent.nlu.vectors import SIZE


def test_every_call_returns_the_same_vectors() -> None:
    """A process maps the file and reads the tokenizer once, however many models it loads."""
    vectors = open_vectors()

    assert open_vectors() is vectors
    assert vectors.words(["weather", "rate"]).shape == (2, SIZE)
    assert len(vectors.sha256) == 64


def test_missing_vectors_are_reported_with_the_command_that_installs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without the vectors' package fails with a sentence."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    with pytest.raises(ModelError, match="pip install --force-reinstall wordllama"):
        open_vectors.__wrapped__()
