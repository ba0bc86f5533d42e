"""Projects of format 1.x answer as Rasa 1.10.26 did, read as they are and migrated.

The recordings hold what Rasa's REST channel returned, and what rasa-sdk 1.10 was asked and answered. In the mood bot
they end where Rasa's KerasPolicy decided, for ours learns otherwise.
"""

import shutil
from pathlib import Path

import pytest

from manent.authoring.migration import plan_migration, write_migration
from manent.core.events import BotUttered, Event, Json
from manent.dialogue.model import load_dialogue, train_dialogue
from manent.models.vectors import open_vectors
from manent.nlu.payload import parse_payload
from manent.nlu.pipeline import Pipeline, load_pipeline
from manent.nlu.training import train_pipeline
from manent.project.reading import Project, read_project
from peer import player

ASSISTANTS = Path(__file__).parents[1] / "assistants"


def replies_of(events: list[Event]) -> list[Json]:
    """Return what the REST channel makes of bot events: an image is a message of its own."""
    replies: list[Json] = []
    for event in events:
        if isinstance(event, BotUttered):
            buttons = event.data.get("buttons")
            if event.text:
                replies.append({"text": event.text} | ({"buttons": buttons} if buttons else {}))
            if image := event.data.get("image"):
                replies.append({"image": image})
    return replies


class ActionServer:
    """Answers as the recorded action server did; every request must be the recorded one."""

    def __init__(self) -> None:
        self.expected: list[Json] = []

    def run(self, name: str, request: Json) -> player.Answer:
        """Answer a call."""
        call = self.expected.pop(0)
        tracker = request["tracker"]
        assert name == call["action"]
        assert shown(tracker.get("active_form", {})) == call["active_form"]
        assert {key: value for key, value in tracker["slots"].items() if value is not None} == call["slots"]
        if call["answer"] is None:
            return player.Answer(rejected=True)
        return player.Answer(events=call["answer"]["events"], responses=call["answer"]["responses"])


def shown(form: Json) -> Json:
    """Return an active form with the intent of the message that activated it, instead of the message."""
    if "trigger_message" not in form:
        return form
    trigger = form["trigger_message"] or {}
    return {key: value for key, value in form.items() if key != "trigger_message"} | {
        "trigger_intent": trigger.get("intent", {}).get("name")
    }


def learned(project: Project) -> Pipeline:
    """Train a project's NLU."""
    files = train_pipeline(project.config, project.nlu, project.domain, vectors=open_vectors)
    return load_pipeline(files, project.domain, vectors=open_vectors)


@pytest.mark.parametrize("is_migrated", [False, True], ids=["as it is", "migrated"])
@pytest.mark.parametrize("name", ["mood_1_x", "table_1_x", "faq_1_x"])
def test_same_answers(name: str, is_migrated: bool, tmp_path: Path) -> None:  # noqa: FBT001
    """Message by message, the bot says what it said on Rasa 1.10, and asks the action server the same."""
    root = tmp_path / "project"
    shutil.copytree(ASSISTANTS / name, root)
    if is_migrated:
        write_migration(plan_migration(root), root)
        assert not list((root / "data").glob("nlu.md"))
    project = read_project(root)
    assert project.is_format_1 != is_migrated
    server = ActionServer()
    model = load_dialogue(train_dialogue(project.config, project.domain, project.stories), project.domain)
    assistant = player.Assistant(model, server.run, project.domain)
    pipeline: Pipeline | None = None

    for conversation in player.load(ASSISTANTS / name / "rasa_1_10.json")["conversations"]:
        talk = assistant.player()
        for step in conversation:
            text = step["user"]
            parsed = parse_payload(text, project.domain)
            if parsed is None:
                pipeline = pipeline or learned(project)
                parsed = pipeline.parse(text)
            talk.parses = {text: parsed}
            server.expected = list(step.get("calls", ()))
            before = len(talk.events)
            talk.say(step)
            assert replies_of(talk.events[before:]) == step["replies"], text
            assert server.expected == []
