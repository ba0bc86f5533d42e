"""The image: built with podman on a base that debootstrap makes, it runs as a user without privileges.

The first run takes minutes. The base stays in podman's storage as `manent-test-base`, for the next run.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from manent.client import ChatClient
from support.distribution import build, checkout
from support.ports import free_port
from support.processes import Server, listens, wait_for
from support.programs import program
from support.small_talk import model_file, write_project

pytestmark = pytest.mark.slow

BASE = "localhost/manent-test-base"
IMAGE = "localhost/manent-test"
MAX_COMPRESSED_MB = 250
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")

RUNTIMES = ((), ("--runtime", "runc", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"))
"""Options of `podman run`, for machines with different control groups and limits. The first that work are used."""


def podman(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command of podman."""
    done = subprocess.run(
        [program("podman", "apt install podman"), *arguments], capture_output=True, check=False, text=True
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image of Debian 12 with Python, which is made here, because a registry of images may not be reachable."""
    if podman("image", "exists", BASE, check=False).returncode == 0:
        return BASE
    if os.geteuid() != 0:
        pytest.skip(f"needs root for debootstrap, or the image {BASE} in podman's storage")
    debootstrap = program("debootstrap", "apt install debootstrap")
    root = tmp_path_factory.mktemp("base") / "root"
    packages = "--include=ca-certificates,python3,python3-venv"
    made = subprocess.run(
        [debootstrap, "--variant=minbase", packages, "bookworm", str(root)], capture_output=True, check=False, text=True
    )
    if made.returncode != 0:
        pytest.skip(f"debootstrap failed: {made.stdout[-500:]} {made.stderr[-500:]}")
    for folder in (root / "var/cache/apt", root / "var/lib/apt/lists"):  # packages that were downloaded
        shutil.rmtree(folder)
        folder.mkdir()
    if CERTIFICATES.exists():  # pip trusts what this machine trusts, for example a proxy
        shutil.copy(CERTIFICATES, root / CERTIFICATES.relative_to("/"))
    archive = root.with_name("base.tar")
    subprocess.run(["tar", "-C", str(root), "-cf", str(archive), "."], check=True)  # noqa: S607
    podman("import", "--change", f"ENV PIP_CERT={CERTIFICATES}", str(archive), BASE)
    shutil.rmtree(root)
    archive.unlink()
    return BASE


@pytest.fixture(scope="module")
def image(base: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The image of the server, built as `make image` builds it."""
    source = checkout(tmp_path_factory.mktemp("image") / "source")
    build(source, source / "dist", epoch=1_700_000_000)
    lister = str(Path(sys.executable).with_name("cyclonedx-py"))
    lists = [lister, "requirements", "requirements/run.txt", "--pyproject", "pyproject.toml", "--output-file"]
    subprocess.run([*lists, "dist/manent.cdx.json"], cwd=source, check=True, capture_output=True)
    built = podman(
        *("build", "--isolation", "chroot", "--format", "docker", "--file", str(source / "deploy/Dockerfile")),
        *("--build-arg", f"BASE={base}", "--tag", IMAGE, str(source)),
        check=False,
    )
    if "Network is unreachable" in built.stdout + built.stderr or "Temporary failure in name" in built.stderr:
        pytest.skip("the package index cannot be reached from a container")
    assert built.returncode == 0, built.stdout[-3000:] + built.stderr[-3000:]
    return IMAGE


@pytest.fixture(scope="module")
def runtime(base: str) -> tuple[str, ...]:
    """Options with which podman can run a container on this machine."""
    for options in RUNTIMES:
        tried = podman("run", "--rm", *options, base, "true", check=False)
        if tried.returncode == 0:
            return options
    pytest.skip(f"podman cannot run a container on this machine: {tried.stderr.strip()}")


def test_compressed_size(image: str, tmp_path: Path) -> None:
    """A registry stores at most 250 MB."""
    podman("push", "--compress", image, f"dir:{tmp_path}/pushed")
    size = sum(path.stat().st_size for path in (tmp_path / "pushed").iterdir()) / 1e6
    layers = sorted(round(path.stat().st_size / 1e6) for path in (tmp_path / "pushed").iterdir())
    print(f"compressed: {size:.0f} MB; layers: {layers} MB")  # noqa: T201  # `pytest -rA` shows it

    assert size <= MAX_COMPRESSED_MB


@dataclass(frozen=True)
class Container:
    """A running container, and the seconds from `podman run` until its server listened."""

    name: str
    port: int
    start_s: float

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the container."""
        return podman("exec", self.name, *command, check=False)


@contextmanager
def container(image: str, project: Path, data: Path, runtime: tuple[str, ...]) -> Iterator[Container]:
    """Run the image with a project, on a read-only root and without capabilities, as the documents describe it."""
    port = free_port()
    name = f"manent-test-{port}"
    began = time.monotonic()
    podman(
        *("run", "--detach", "--name", name, "--network", "host", "--read-only", "--tmpfs", "/tmp"),  # noqa: S108
        *runtime,
        *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        *("--volume", f"{project}:/bot:ro", "--volume", f"{data}:/data", image),
        *("run", "--interface", "127.0.0.1", "--port", str(port)),
    )
    try:
        wait_for(lambda: listens(port) or not running(name), "the container's server")
        assert listens(port), podman("logs", name).stderr
        yield Container(name, port, time.monotonic() - began)
    finally:
        podman("rm", "--force", "--time", "0", name)


def running(name: str) -> bool:
    """Return whether a container runs."""
    return podman("inspect", "--format", "{{.State.Running}}", name).stdout.strip() == "true"


async def test_conversation_in_a_container(image: str, runtime: tuple[str, ...], tmp_path: Path) -> None:
    """As user 10001 on a read-only root, it answers, stores on its volume, is healthy, and stops in order."""
    project, data = tmp_path / "bot", tmp_path / "data"
    write_project(
        project,
        endpoints="tracker_store: {type: SQL, dialect: sqlite, db: /data/conversations.db}\n",
        credentials="rest:\nsocketio:\n  session_persistence: true\n",
    )
    (project / "models").mkdir()
    shutil.copy(model_file(), project / "models")
    data.mkdir()
    for folder in (tmp_path.parent, tmp_path, project, project / "models"):
        folder.chmod(0o755)
    data.chmod(0o777)
    with container(image, project, data, runtime) as found:
        began = time.monotonic()
        server = Server(process=None, port=found.port)  # type: ignore[arg-type]  # podman runs its process
        assert [reply["text"] for reply in server.say("hello", "ada")] == ["Hello."]
        first_s = found.start_s + time.monotonic() - began
        async with ChatClient(f"http://127.0.0.1:{found.port}") as chat:
            await chat.send("hello")
            messages = await chat.wait_for(lambda messages: len(messages) > 1)
        resident = found.run("grep", "VmRSS", "/proc/1/status").stdout.split()
        identity = found.run("grep", "-E", "^(Uid|CapEff|NoNewPrivs)", "/proc/1/status").stdout.split()
        writes = [found.run("touch", path).returncode for path in ("/x", "/opt/manent/x", "/bot/x", "/tmp/x")]  # noqa: S108
        checks = json.loads(podman("inspect", "--format", "{{json .Config.Healthcheck.Test}}", found.name).stdout)
        healthy = [
            found.run(*(word.replace(":5005/", f":{port}/") for word in checks[1:])).returncode
            for port in (found.port, free_port())
        ]
        packages = found.run("ls", "/opt/manent/share/sbom").stdout.split()
        podman("stop", "--time", "30", found.name)
        stopped = podman("inspect", "--format", "{{.State.ExitCode}}", found.name).stdout.strip()
        log = podman("logs", found.name)
    print(f"first answer after {first_s:.1f} s; resident {resident[1:]}; {identity}")  # noqa: T201

    assert messages[-1]["text"] == "Hello."
    assert identity[1:5] == ["10001"] * 4
    assert set(identity[identity.index("CapEff:") + 1]) == {"0"}
    assert identity[-1] == "1"
    assert [status != 0 for status in writes] == [True, True, True, False]
    assert (checks[0], healthy) == ("CMD", [0, 1])
    assert packages == ["manent.cdx.json"]
    assert stopped == "0"
    assert "Traceback" not in log.stdout + log.stderr
    assert (data / "conversations.db").stat().st_size > 0
