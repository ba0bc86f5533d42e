"""Shorter pauses for the tests of channels."""

import pytest

from manent.runtime.background import sending


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Search for unsent messages several times per second."""
    monkeypatch.setattr(sending, "SEARCH_INTERVAL_S", 0.2)
    monkeypatch.setattr(sending, "BUSY_S", 0.1)


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeat a failed send after 0.1 s, unless the platform requested another pause."""
    monkeypatch.setattr(sending, "RETRY_S", (0.1,))
