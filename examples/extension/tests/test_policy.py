"""The policy passes the suite for policies, and offers help."""

import pytest
from manent.testing.policies import *
from manent.testing.policies import conversation_of
from manent_shop.repetition import RepetitionOptions, RepetitionPolicy


@pytest.fixture
def make_policy():
    return lambda: RepetitionPolicy(RepetitionOptions(action="utter_greet"))


@pytest.mark.parametrize(("texts", "expected"), [(["hi"], {}), (["hi", "hi"], {"utter_greet": 1.0})])
def test_a_repeated_message_gets_help(make_policy, texts, expected):
    """The second of two equal messages gets help."""
    assert make_policy().predict(conversation_of(*texts)) == expected
