"""The store passes the suites for stores."""

import pytest
from manent.testing.publishing import *
from manent.testing.stores import *
from manent_shop.store import ShopStore


@pytest.fixture
def make_store():
    only = ShopStore()
    return lambda: only
