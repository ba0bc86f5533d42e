"""The built-in stores pass the suite of `manent.testing.files`."""

from manent.testing.files import *  # noqa: F403  # the tests
from manent.testing.stores import store  # noqa: F401  # their fixture
