"""A trace of one message across three processes: Manent, an action server with rasa-sdk, and a collector."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from support.collectors import collecting
from support.platforms.generic import Generic
from support.ports import free_port
from support.processes import MANENT, listens, wait_for
from support.small_talk import model_file, until, write_project

pytestmark = pytest.mark.slow

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
ACTIONS = """
from rasa_sdk import Action

class Work(Action):
    def name(self):
        return "action_work"

    def run(self, dispatcher, tracker, domain):
        dispatcher.utter_message(text="Done.")
        return []
"""


@contextmanager
def process(root: Path, port: int, *arguments: str) -> Iterator[None]:
    """Run a command of Manent that listens on a port."""
    log = root / f"{port}.log"
    with log.open("wb") as out:
        found = subprocess.Popen(
            [*MANENT, *arguments, "-i", "127.0.0.1", "-p", str(port)],
            cwd=root,
            stdout=out,
            stderr=out,
            env=os.environ | {"OTEL_BSP_SCHEDULE_DELAY": "100"},
        )
    try:
        wait_for(lambda: found.poll() is not None or listens(port), " ".join(arguments))
        assert found.poll() is None, log.read_text()
        yield
    finally:
        found.terminate()
        found.wait(60)


async def test_one_trace_from_the_webhook_to_the_delivery(tmp_path: Path) -> None:
    """The caller's trace contains the webhook, the turn, the action server's span, and the delivery of the reply."""
    platform, port, actions = Generic(), free_port(), free_port()
    with collecting() as collector:
        async with platform.running():
            tracing = f"tracing: {{type: otlp, endpoint: '{collector.endpoint}', insecure: true, service_name: %s}}\n"
            root = write_project(
                tmp_path / "bot",
                credentials=platform.credentials(),
                endpoints=f"action_endpoint: {{url: 'http://127.0.0.1:{actions}/webhook'}}\n" + tracing % "bot",
            )
            (root / "models").mkdir()
            shutil.copy(model_file(), root / "models")
            server = tmp_path / "actions"
            server.mkdir()
            (server / "actions.py").write_text(ACTIONS)
            (server / "endpoints.yml").write_text(tracing % "actions")
            with process(server, actions, "run", "actions"), process(root, port, "run"):
                hook = platform.text("ada", "work", "m1")
                headers = {**hook.headers, "traceparent": f"00-{TRACE}-{CALLER}-01"}
                async with httpx.AsyncClient() as http:
                    url = f"http://127.0.0.1:{port}/webhooks/generic/webhook"
                    assert (await http.post(url, content=hook.body, headers=headers)).status_code == 200
                await until(lambda: [sent.text for sent in platform.sent] == ["Done."])
                await until(lambda: any(each.name == "send generic" for each in collector.spans))
                await until(lambda: any(each.service == "rasa_sdk" for each in collector.spans))
    print(collector.drawn())  # noqa: T201  # `pytest -rA` shows it

    assert {each.trace for each in collector.spans} == {TRACE}
    assert [each.name for each in collector.spans if each.parent == CALLER] == ["POST /webhooks/generic"]
    edges = collector.edges()
    assert {
        ("", "bot POST /webhooks/generic"),
        ("bot POST /webhooks/generic", "bot message"),
        ("bot message", "bot understand"),
        ("bot message", "bot action action_work"),
        ("bot message", "bot commit"),
        ("bot message", "bot send generic"),
    } <= edges
    assert "bot action action_work" in {parent for parent, child in edges if child.startswith("rasa_sdk ")}
