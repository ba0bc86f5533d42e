"""The package of examples/extension, installed beside Manent and used by a project."""

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from support.action_servers import wait_for
from support.ports import free_port
from support.small_talk import write_project

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/extension"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package, installed."""
    folder = tmp_path_factory.mktemp("packages")
    source = folder / "source"
    shutil.copytree(EXAMPLE, source)
    target = folder / "installed"
    subprocess.run(
        [
            *(str(Path(sys.executable).with_name("uv")), "pip", "install", "--python", sys.executable),
            *("--no-deps", "--no-build-isolation", "--offline", "--target", str(target), str(source)),
        ],
        check=True,
    )
    return target


def environment(packages: Path) -> dict[str, str]:
    """Return the environment of a process that finds the package."""
    return {**os.environ, "PYTHONPATH": str(packages)}


def test_its_own_tests_pass(packages: Path) -> None:
    """A package that adds parts runs the suites of `manent.testing` on them."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=packages.parent / "source",
        env=environment(packages),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert "failed" not in done.stdout


def send(port: int, message_id: str) -> object:
    """Send "hello" to the kiosk channel and return its replies."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/webhooks/kiosk/webhook",
        data=json.dumps({"user": "ada", "text": "hello", "id": message_id}).encode(),
        headers={"X-Token": "t1"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  # our own server
        return json.load(answer)


def test_a_project_names_its_parts(packages: Path, tmp_path: Path) -> None:
    """A project names its parts like built-in ones; they are checked, trained and served."""
    root = write_project(
        tmp_path,
        credentials="kiosk:\n  token: t1\n  tokn: t2\n",
        endpoints="event_broker:\n  type: spool\n  folder: out\ntracker_store:\n  type: shop\n",
    )
    config = (root / "config.yml").read_text().replace("policies:", "- name: politeness\n  words: [hello]\npolicies:")
    config += "\n- name: repetition\n  action: utter_default\n  priority: 6\n"
    (root / "config.yml").write_text(config)
    domain = (root / "domain.yml").read_text()
    (root / "domain.yml").write_text(domain.replace("entities: [who]", "entities: [who, politeness]"))
    manent = [str(Path(sys.executable).with_name("manent"))]
    env = environment(packages)
    checked = subprocess.run(
        [*manent, "data", "validate"], cwd=root, env=env, capture_output=True, text=True, check=False
    )
    assert 'Did you mean "token"?' in checked.stdout
    assert checked.returncode == 0, checked.stdout
    subprocess.run([*manent, "train"], cwd=root, env=env, check=True)
    port = free_port()
    server = subprocess.Popen([*manent, "run", "-p", str(port)], cwd=root, env=env)
    try:
        wait_for(f"http://127.0.0.1:{port}/webhooks/kiosk/", server)
        replies = [send(port, "m1"), send(port, "m2")]
    finally:
        server.terminate()
        server.wait(30)
    events = [json.loads(path.read_text()) for path in sorted((root / "out").iterdir())]
    user = next(event for event in events if event["event"] == "user")

    assert replies == [
        [{"recipient_id": "ada", "text": "Hello."}],
        [{"recipient_id": "ada", "text": "I do not know."}],  # the policy noticed the repetition
    ]
    assert user["input_channel"] == "kiosk"
    assert [entity["entity"] for entity in user["parse_data"]["entities"]] == ["politeness"]


@pytest.mark.parametrize(("module", "limit"), [("kiosk", 40), ("spool", 30)])
def test_a_part_is_short(module: str, limit: int) -> None:
    """The documents say how many lines a channel and an event broker need."""
    assert len((EXAMPLE / f"src/manent_shop/{module}.py").read_text().splitlines()) <= limit


@pytest.mark.parametrize("module", ["kiosk", "spool", "politeness", "repetition"])
def test_the_document_shows_the_package(module: str) -> None:
    """The code in docs/extending.md is that of the package, which the other tests run."""
    code = (EXAMPLE / f"src/manent_shop/{module}.py").read_text()

    assert f"```python\n{code}```" in (ROOT / "docs/extending.md").read_text()
