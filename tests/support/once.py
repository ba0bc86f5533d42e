"""Creates things once per test run, in the first worker process that needs them."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from support.processes import manent


def made_once(folders: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return a path that `make` has filled, the same for all workers of a test run. Do not change its content."""
    shared = folders.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    target = shared / name
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            unfinished = shared / f"{name}.unfinished"
            make(unfinished)
            unfinished.rename(target)
    return target


def trained(source: Path, folders: pytest.TempPathFactory) -> Path:
    """Return a trained copy of an assistant. It is trained once per test run."""

    def make(folder: Path) -> None:
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns("models", "*.db*", "__pycache__"))
        train(folder)

    return made_once(folders, f"trained-{source.name}", make)


def train(project: Path) -> None:
    """Run `manent train`."""
    done = manent("train", cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
