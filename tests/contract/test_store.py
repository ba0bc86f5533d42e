"""The built-in stores pass the suite of `manent.testing.stores`."""

from manent.testing.stores import *  # noqa: F403  # the tests
