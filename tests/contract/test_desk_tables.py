"""The built-in stores pass the suite of `manent.testing.desk`."""

from manent.testing.desk import *  # noqa: F403  # the tests
from manent.testing.stores import store  # noqa: F401  # their fixture
