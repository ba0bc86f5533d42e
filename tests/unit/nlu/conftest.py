"""A pipeline that many tests use."""

import pytest

from manent.nlu.pipeline import Pipeline
from support.nlu_samples import DEFAULT, data, trained


@pytest.fixture(scope="session")
def pizzeria() -> Pipeline:
    """Return Rasa's default pipeline, trained on three intents."""
    return trained(data(), *DEFAULT)
