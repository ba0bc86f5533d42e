"""Stores for real servers, in the format of `endpoints.yml`, and a small disk."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.servers import Fleet, fleet
from support.postgres import programs, running


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    """The `tracker_store` section for a PostgreSQL that only this module uses."""
    found = programs()
    if found is None:
        pytest.skip("needs PostgreSQL (apt install postgresql)")
    with running(found) as cluster:
        yield f"tracker_store:\n  type: SQL\n  dialect: postgresql\n  url: {cluster.dsn}\n"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def servers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fleet]:
    """A project on each store that several servers can share."""
    section = request.getfixturevalue("postgresql") if request.param == "postgresql" else ""
    with fleet(tmp_path / "project", tracker_store=section) as found:
        yield found


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    mount = shutil.which("mount")
    folder = tmp_path / "disk"
    folder.mkdir()
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if mount is None or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("needs to be allowed to mount a tmpfs")
    yield folder
    subprocess.run([shutil.which("umount") or "umount", "-l", str(folder)], check=True)
