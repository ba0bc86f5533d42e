"""The sdist and the wheel: two builds have the same bytes, and the wheel works on a machine without Node.js."""

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path

import pytest

from manent.client import ChatClient
from support.distribution import build, checkout, wheel
from support.ports import free_port
from support.processes import Server, listens, wait_for

pytestmark = pytest.mark.slow

UV = str(Path(sys.executable).with_name("uv"))
PAGE = "manent/web/static/index.html"


@pytest.fixture(scope="module")
def distribution(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel, which was built from the sdist without Node.js."""
    folder = tmp_path_factory.mktemp("distribution")
    return build(checkout(folder / "source"), folder / "dist", epoch=1_700_000_000)


def test_two_builds_have_the_same_bytes(distribution: Path, tmp_path: Path) -> None:
    """A second build, from other copies of the files with another umask, gives the same sdist and the same wheel."""
    before = os.umask(0o077)
    try:
        again = build(checkout(tmp_path / "elsewhere"), tmp_path / "dist", epoch=1_700_000_000)
    finally:
        os.umask(before)

    first = {path.name: path.read_bytes() for path in distribution.iterdir()}
    assert {path.name: path.read_bytes() for path in again.iterdir()} == first
    assert sorted(Path(name).suffix for name in first) == [".gz", ".whl"]


def test_wheel_contains_the_page_and_no_tests(distribution: Path) -> None:
    """The wheel has the built page, the loader and the store's schema, and nothing outside of the package."""
    names = set(zipfile.ZipFile(wheel(distribution)).namelist())

    assert {PAGE, "manent/web/static/webchat/manent-chat.js", "manent/py.typed"} <= names
    assert any(name.startswith("manent/stores/schema/") and name.endswith(".sql") for name in names)
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"manent"}


@pytest.fixture(params=["newest", "lowest", "3.12", "3.13", "3.14"])
def installed(request: pytest.FixtureRequest, distribution: Path, tmp_path: Path) -> Iterator[Path]:
    """The programs of a fresh virtual environment with the wheel.

    It has the newest or lowest allowed versions of the packages. Or it has another version of Python, and the newest
    packages; the test is skipped if this Python is not installed.
    """
    environment = tmp_path / "venv"
    if request.param in {"newest", "lowest"}:
        venv.create(environment, with_pip=False)
    else:
        create_with(request.param, environment)
    install(environment, *direct_requirements(distribution), lowest=request.param == "lowest")
    install(environment, "--no-deps", str(wheel(distribution)), lowest=False)
    yield environment / "bin"
    shutil.rmtree(environment)


def create_with(version: str, environment: Path) -> None:
    """Create a virtual environment with another version of Python. Skip if it is not installed, also not by pyenv."""
    installed = [*Path.home().glob(f".pyenv/versions/{version}.*/bin/python"), Path(f"/usr/bin/python{version}")]
    python = next((path for path in installed if path.exists()), None)
    if python is None:
        pytest.skip(f"needs Python {version}")
    subprocess.run([UV, "venv", "--quiet", "--python", str(python), str(environment)], check=True)


def direct_requirements(distribution: Path) -> list[str]:
    """Return what the wheel requires without extras. uv uses lowest versions only for directly named requirements."""
    with zipfile.ZipFile(wheel(distribution)) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
    return [line for line in metadata.get_all("Requires-Dist") or [] if "extra ==" not in line]


def install(environment: Path, *packages: str, lowest: bool) -> None:
    """Install packages with uv, without a lock file. Skip if the package index cannot be reached."""
    resolution = "lowest-direct" if lowest else "highest"
    done = subprocess.run(
        [
            *(UV, "--system-certs", "pip", "install", "--resolution", resolution),
            *("--python", str(environment / "bin/python"), *packages),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if "Failed to fetch" in done.stderr:
        pytest.skip("the package index cannot be reached")
    assert done.returncode == 0, done.stderr


async def test_a_fresh_machine_runs_the_wheel(installed: Path, tmp_path: Path) -> None:
    """Without Node.js and without a lock, `init`, `test nlu` and `run` work: the page and a conversation are served."""
    project = tmp_path / "bot"
    assert_succeeds(installed, "init", "--no-prompt", "--init-dir", str(project), cwd=tmp_path)
    assert_succeeds(installed, "test", "nlu", cwd=project)
    server = start(installed, project, tmp_path / "server.log")
    try:
        status, page = server.get("/", accept="text/html")
        assert (status, "<!doctype html>" in page) == (200, True)
        async with ChatClient(f"http://127.0.0.1:{server.port}") as chat:
            await chat.send("hello there")
            messages = await chat.wait_for(lambda messages: len(messages) > 1)
        assert "day" in messages[-1]["text"]
        assert server.say("hello there", "newcomer")[0]["buttons"]
        assert server.stop() == 0
    finally:
        server.process.kill()
        server.process.wait()
    assert "Traceback" not in (tmp_path / "server.log").read_text()


def assert_succeeds(programs: Path, *arguments: str, cwd: Path) -> None:
    """Run a command of the installed wheel. Only the virtual environment is on the PATH."""
    done = subprocess.run(
        [str(programs / "manent"), *arguments],
        cwd=cwd,
        env={"PATH": str(programs), "HOME": str(cwd)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def start(programs: Path, project: Path, log: Path) -> Server:
    """Start the installed wheel's server and wait until it listens."""
    port = free_port()
    with log.open("w") as out:
        process = subprocess.Popen(
            [str(programs / "manent"), "run", "-i", "127.0.0.1", "-p", str(port), "--lame-duck", "0"],
            cwd=project,
            env={"PATH": str(programs), "HOME": str(project)},
            stdout=out,
            stderr=out,
            text=True,
        )
    wait_for(lambda: process.poll() is not None or listens(port), "the server")
    assert process.poll() is None, log.read_text()
    return Server(process=process, port=port)
