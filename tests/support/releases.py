"""Other releases of the package, for tests that run them beside this one: in a folder for PYTHONPATH."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import manent
from manent.stores.schema.steps import ADDITIVE, newest_revision
from support.processes import MANENT

ROOT = Path(__file__).parents[2]

LAST_RELEASE = "d24c8d2c9ff1d4b848e6b6d91e6abf35bc9ff783"
"""The commit of the last release. Its store has schema 0006."""


def last_release(folder: Path) -> Path:
    """Build the wheel of the last release, without the web chat, and install it into a folder.

    It runs with the packages of the tests. Skip if the repository does not contain the commit.
    """
    folder.mkdir()
    source = folder / "source"
    files = ("src", "pyproject.toml", "hatch_build.py", "README.md", "LICENSE")
    command = ["git", "archive", "--format=tar", LAST_RELEASE, *files]
    archive = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if archive.returncode != 0:
        pytest.skip(f"the repository does not contain the last release: {archive.stderr.decode().strip()}")
    source.mkdir()
    subprocess.run(["tar", "-x", "-C", str(source)], input=archive.stdout, check=True)  # noqa: S607
    succeed(
        *(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(source)),
        environment={"MANENT_SKIP_WEB": "1"},
    )
    wheel = next(folder.glob("*.whl"))
    uv = str(Path(sys.executable).with_name("uv"))
    succeed(uv, "pip", "install", "--no-deps", "--target", str(folder / "package"), str(wheel))
    return folder / "package"


def next_release(folder: Path) -> Path:
    """Make a copy of this version with one more, additive step of the schema."""
    package = folder / "manent"
    ignored = shutil.ignore_patterns("__pycache__", "static")
    shutil.copytree(Path(manent.__file__).parent, package, ignore=ignored)
    number = int(newest_revision("sqlite")) + 1
    for database in ("sqlite", "postgresql"):
        (package / "stores/schema" / database / f"{number:04}_next.sql").write_text(
            f"{ADDITIVE}\nALTER TABLE conversations ADD COLUMN next TEXT;\n"
            "CREATE TABLE next (id INTEGER NOT NULL);\n"
            "CREATE INDEX ix_conversations_next ON conversations (next) WHERE next IS NOT NULL;\n"
        )
    return folder


def succeed(*command: str, environment: dict[str, str] | None = None, cwd: Path | None = None) -> str:
    """Run a command, which must succeed. Return its output."""
    done = subprocess.run(
        command, capture_output=True, check=False, text=True, cwd=cwd, env=os.environ | (environment or {})
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def command_of(release: Path | None, *arguments: str, cwd: Path) -> str:
    """Run a command of a release, which must succeed. None: this version. Return its output."""
    environment = {} if release is None else {"PYTHONPATH": str(release)}
    return succeed(*MANENT, *arguments, environment=environment, cwd=cwd)
