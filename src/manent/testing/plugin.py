"""The pytest plugin: shows the details of failed asserts in the suites. pytest loads it when Manent is installed."""

import pytest

pytest.register_assert_rewrite(
    "manent.testing.brokers",
    "manent.testing.channels",
    "manent.testing.components",
    "manent.testing.postbox",
    "manent.testing.publishing",
    "manent.testing.stores",
)
