"""The built-in stores pass the suite of `manent.testing.rate_limits`."""

from manent.testing.rate_limits import *  # noqa: F403  # the tests
from manent.testing.stores import store  # noqa: F401  # their fixture
