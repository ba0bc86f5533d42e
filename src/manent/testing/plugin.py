"""The pytest plugin for the suites. It shows the details of failed asserts, and pytest loads it automatically."""

import pytest

pytest.register_assert_rewrite(
    "manent.testing.brokers",
    "manent.testing.channels",
    "manent.testing.components",
    "manent.testing.files",
    "manent.testing.policies",
    "manent.testing.desk",
    "manent.testing.postbox",
    "manent.testing.publishing",
    "manent.testing.rate_limits",
    "manent.testing.stores",
)
