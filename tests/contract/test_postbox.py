"""The built-in stores pass the suite of `manent.testing.postbox`."""

from manent.testing.postbox import *  # noqa: F403  # the tests
from manent.testing.stores import store  # noqa: F401  # their fixture
