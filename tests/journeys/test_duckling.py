"""A project whose pipeline asks a Duckling server: in the running server, in the shell, and in an evaluation."""

import json
from collections.abc import Callable
from pathlib import Path

from support.ducklings import duckling
from support.processes import Server, manent

Serve = Callable[..., Server]


def test_duckling_is_asked_wherever_a_message_is_understood(tmp_path: Path, serve: Serve) -> None:
    """`/model/parse`, a conversation, `shell nlu` and `test nlu` all have its entities."""
    with duckling() as asked:
        _write(tmp_path, asked.url)
        trained = manent("train", cwd=tmp_path)
        assert trained.returncode == 0, trained.stderr
        server = serve(tmp_path, "--enable-api")

        status, parsed = server.post("/model/parse", {"text": "hello tomorrow"})
        assert (status, [entity["entity"] for entity in parsed["entities"]]) == (200, ["time"])
        assert server.say("hello tomorrow") == [{"recipient_id": "ada", "text": "When? UTC"}]
        assert '"entity": "time"' in manent("shell", "nlu", cwd=tmp_path, stdin="tomorrow\n/stop\n").stdout
        asked.forms.clear()
        assert manent("test", "nlu", "--no-plot", cwd=tmp_path).returncode == 0
        assert sorted({form["text"] for form in asked.forms}) == ["bye", "good evening", "goodbye", "hello"]
        assert json.loads((tmp_path / "results/intent_report.json").read_text())["accuracy"] == 1.0
        asked.forms.clear()
        crossed = manent("test", "nlu", "--cross-validation", "-f", "2", "--no-plot", cwd=tmp_path)
        assert (crossed.returncode, len(asked.forms)) == (0, 4), crossed.stderr


def _write(folder: Path, url: str) -> None:
    (folder / "data").mkdir()
    (folder / "config.yml").write_text(
        "recipe: default.v1\nlanguage: en\nassistant_id: ducks\npipeline:\n- name: WhitespaceTokenizer\n"
        "- name: CountVectorsFeaturizer\n- name: DIETClassifier\n- name: DucklingEntityExtractor\n"
        f"  url: {url}\n  dimensions: [time]\npolicies:\n- name: RulePolicy\n"
    )
    (folder / "domain.yml").write_text(
        'version: "3.1"\nintents: [greet, goodbye]\nentities: [time]\n'
        "slots:\n  time:\n    type: text\n    mappings:\n    - type: from_entity\n      entity: time\n"
        "responses:\n  utter_greet:\n  - text: When? {time}\n"
    )
    (folder / "data/nlu.yml").write_text(
        'version: "3.1"\nnlu:\n- intent: greet\n  examples: |\n    - hello\n    - good evening\n'
        "- intent: goodbye\n  examples: |\n    - bye\n    - goodbye\n"
        "rules:\n- rule: Greet\n  steps:\n  - intent: greet\n  - action: utter_greet\n"
    )
    (folder / "credentials.yml").write_text("rest:\n")
