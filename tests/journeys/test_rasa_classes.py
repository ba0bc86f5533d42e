"""A project with components and a policy that were written for Rasa: trained, tested, served, killed, served again."""

import json
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from support.action_servers import wait_for
from support.ports import free_port
from support.small_talk import write_project

CLASSES = Path(__file__).parents[1] / "assistants/rasa_components/components"
MANENT = str(Path(sys.executable).with_name("manent"))
PIPELINE = """pipeline:
- name: components.texts.SpellingCorrector
  words: {helo: hello}
- name: components.published.EditDistanceCorrector
- name: components.texts.StemmingTokenizer
- name: components.texts.LetterFeaturizer
- name: components.texts.WordListFeaturizer
  lists: {greetings: [hello, hi]}
- name: CountVectorsFeaturizer
- name: components.published.CentroidClassifier
- name: DIETClassifier
- name: components.annotators.OrderExtractor
- name: components.annotators.OrderExtractor
- name: components.published.PostcodeExtractor
- name: components.published.EntityConsolidator
- name: components.annotators.SentimentAnnotator
- name: components.published.SentimentAnalyzer
- name: components.annotators.LanguageDetector
- name: components.classifiers.Shouting
policies:
- name: components.policies.PlainRules
- name: components.policies.TablePolicy
- name: components.published_policies.LowConfidenceMemoization
- name: components.published_policies.NearestStatePolicy
"""
STORES = """from rasa.core.tracker_store import InMemoryTrackerStore, SQLTrackerStore


class AuditStore(SQLTrackerStore):
    async def save(self, tracker):
        await super().save(tracker)
"""


def run(root: Path, *arguments: str) -> str:
    """Run a command in the project's folder, and return its output."""
    done = subprocess.run([MANENT, *arguments], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def ask(port: int, path: str, body: dict[str, Any]) -> Any:
    """POST to the server, and return its answer."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  # our own server
        return json.load(answer)


def serve(root: Path) -> tuple[int, subprocess.Popen[bytes]]:
    """Start a server, and wait until it is ready."""
    port = free_port()
    server = subprocess.Popen([MANENT, "run", "-p", str(port), "--enable-api"], cwd=root)
    wait_for(f"http://127.0.0.1:{port}/health/ready", server)
    return port, server


def test_train_test_serve_kill_and_serve_again(tmp_path: Path) -> None:
    """The classes do the same before and after a kill, and a change of their code is trained."""
    root = write_project(tmp_path)
    shutil.copytree(CLASSES, root / "components")
    config = (root / "config.yml").read_text()
    (root / "config.yml").write_text(config.partition("pipeline:")[0] + PIPELINE)
    (root / "stores.py").write_text(STORES)
    (root / "endpoints.yml").write_text("tracker_store:\n  type: stores.AuditStore\n  db: rasa.db\n")
    domain = (root / "domain.yml").read_text()
    (root / "domain.yml").write_text(
        domain.replace("entities: [who]", "entities: [who, order, sentiment, mood, postcode]")
    )
    assert "Conversations are stored in conversations.db instead" in run(root, "data", "validate")
    run(root, "train")
    run(root, "test", "nlu", "--no-plot")
    parsed, replies = [], []
    for _ in range(2):
        port, server = serve(root)
        try:
            parsed.append(ask(port, "/model/parse", {"text": "helo i love #12 heello 12345"}))
            replies.append(ask(port, "/webhooks/rest/webhook", {"sender": "ada", "message": "helo"}))
        finally:
            server.kill()
            server.wait(30)

    assert parsed[0] == parsed[1]
    assert parsed[0]["text"] == "hello i love #12 hello 12345"
    assert [(each["entity"], each["value"]) for each in parsed[0]["entities"] if each["entity"] != "who"] == [
        ("order", "12"),
        ("postcode", "12345"),
        ("sentiment", "pos"),
        ("mood", "pos"),
    ]
    assert parsed[0]["language"]["code"] == "en"
    assert [reply[0]["text"] for reply in replies] == ["Hello.", "Hello."]
    assert "Nothing has changed" in run(root, "train")
    with (root / "components/annotators.py").open("a", encoding="utf-8") as file:
        file.write("\n# changed\n")
    assert "Nothing has changed" not in run(root, "train")
