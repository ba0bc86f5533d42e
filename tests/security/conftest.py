"""Servers in separate processes: one for all attacks on jwt mode, and others for tests with another configuration."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from security.sites import AUTH, Site, start, stop


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server in jwt mode, with a management API that requires a token. Each test uses its own visitors."""
    site = start(tmp_path_factory.mktemp("site"), "--enable-api", "--auth-token", AUTH)
    yield site
    stop(site)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Starts servers in the test's folder, and stops them."""
    sites: list[Site] = []

    def serve(*arguments: str, folder: str = "site", **more: Any) -> Site:
        site = start(tmp_path / folder, *arguments, **more)
        sites.append(site)
        return site

    yield serve
    for site in sites:
        stop(site)
