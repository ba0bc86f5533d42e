"""Plays the recorded conversations against real servers of ours, over HTTP and Socket.IO.

    python tests/peer/over_http.py [ASSISTANT…]

Trains each assistant of `../shared/conformance` in a folder of its own, runs server and action server, lets the
recordings' own player compare, and prints every conversation that goes otherwise: as listed in
`expected_differences.yml`, or UNEXPECTED. Exit status 1 when there is one of those. The recorded assistants of
`../assistants` are played as well, and compared by events and state; what may differ there stands in
`test_own_recordings.py`.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))
from peer.comparing import carried_once, first_difference
from peer.record import compact
from peer.test_own_recordings import ASSISTANTS, DIFFERS, RECORDED

RECORDINGS = Path(__file__).parents[3] / "shared" / "conformance"
EXPECTED = Path(__file__).with_name("expected_differences.yml")
MANENT = (sys.executable, "-m", "manent")
_STARTS_WITHIN_S = 60


@dataclass(frozen=True)
class Difference:
    """The first step of a conversation that went otherwise.

    Attributes:
        why: the reason that the list of differences gives; None: it is not in the list.
    """

    assistant: str
    conversation: str
    step: int
    what: str
    why: str | None


def recorded() -> list[str]:
    """Return the assistants that there are recordings of."""
    return [*sorted(path.parent.name for path in RECORDINGS.glob("*/golden.json")), *RECORDED]


def folder_of(assistant: str) -> Path:
    """Return where an assistant's project and recordings are."""
    return (ASSISTANTS if assistant in RECORDED else RECORDINGS) / assistant


def differences(assistant: str) -> list[Difference]:
    """Train and run an assistant, and compare."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        shutil.copytree(folder_of(assistant) / "project", project)
        actions_port = _free_port()
        endpoints = project / "endpoints.yml"
        if endpoints.exists():
            endpoints.write_text(endpoints.read_text().replace("5055", str(actions_port)))
        subprocess.run([*MANENT, "train"], cwd=project, check=True, capture_output=True)
        port = _free_port()
        found = Path(folder) / "differences.json"
        with _running(project, port, actions_port):
            if assistant in RECORDED:
                return list(_own_differences(assistant, f"http://127.0.0.1:{port}"))
            subprocess.run(
                [sys.executable, RECORDINGS / "replay.py", "--url", f"http://127.0.0.1:{port}", "--bot", assistant,
                 "--json", found],
                check=False,
                capture_output=True,
            )  # fmt: skip
        return [_judged(assistant, each) for each in json.loads(found.read_text())]


def _own_differences(assistant: str, url: str) -> Iterator[Difference]:
    """Play the conversations of an assistant of our own, and compare what was recorded of them."""
    sys.path.insert(0, str(RECORDINGS))
    import goldenlib  # type: ignore[import-not-found]

    runner = goldenlib.Runner(url, assistant)
    expected = DIFFERS.get(assistant, {})
    for conversation in json.loads((folder_of(assistant) / "golden.json").read_text(encoding="utf-8"))["conversations"]:
        steps = [each["step"] for each in conversation["steps"]]
        found = compact(runner.run({"id": conversation["id"], "steps": steps}))["steps"]
        for number, (one, other) in enumerate(zip(conversation["steps"], found, strict=True)):
            if what := first_difference(one.get("state"), other.get("state")) or first_difference(
                carried_once(one.get("events") or []), other.get("events") or [], "events"
            ):
                why = "listed" if expected.get(conversation["id"]) == number else None
                yield Difference(assistant, conversation["id"], number, what, why)
                break


def _judged(assistant: str, found: dict[str, Any]) -> Difference:
    conversation, step = found["conversation"], found["step"]
    for each in yaml.safe_load(EXPECTED.read_text(encoding="utf-8")):
        known = each.get("http_step", each.get("step"))
        if (each["assistant"], each["conversation"]) == (assistant, conversation) and known in (step, "any"):
            return Difference(assistant, conversation, step, found["what"], each["reason"])
    return Difference(assistant, conversation, step, found["what"], None)


@contextmanager
def _running(project: Path, port: int, actions_port: int) -> Iterator[None]:
    commands = [[*MANENT, "run", "--enable-api", "--cors", "*", "-i", "127.0.0.1", "-p", str(port)]]
    waits = [f"http://127.0.0.1:{port}/version"]
    if (project / "actions" / "actions.py").exists():
        commands.append([*MANENT, "run", "actions", "-p", str(actions_port)])
        waits.append(f"http://127.0.0.1:{actions_port}/health")
    running = [
        subprocess.Popen(command, cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ)
        for command in commands
    ]
    try:
        for url in waits:
            _wait_for(url)
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + _STARTS_WITHIN_S
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - a server of ours
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def main() -> int:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("assistants", nargs="*", default=recorded())
    is_clean = True
    for assistant in parser.parse_args().assistants:
        golden = json.loads((folder_of(assistant) / "golden.json").read_text(encoding="utf-8"))
        total, found = len(golden["conversations"]), differences(assistant)
        lines = [f"{assistant}: {total - len(found)} of {total} the same"]
        for each in found:
            is_clean = is_clean and each.why is not None
            lines.append(f"  {each.conversation}, step {each.step}: {each.what}: {each.why or 'UNEXPECTED'}")
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
    return 0 if is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
