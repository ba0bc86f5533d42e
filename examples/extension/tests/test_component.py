"""The component passes the suite for components."""

import pytest
from manent.testing.components import *
from manent_shop.politeness import Politeness, PolitenessOptions


@pytest.fixture
def make_component():
    return lambda: Politeness(PolitenessOptions())
