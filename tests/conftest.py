"""What holds for all tests."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the browser's tests last: Playwright's synchronous API occupies the thread's event loop until it is closed."""
    items.sort(key=lambda item: "browser" in item.path.parts)
