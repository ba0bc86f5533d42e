"""Projects as people have them: half a project, files of other programs beside ours, odd names and characters."""

import io
import json
import os
import shutil
import sqlite3
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from support.processes import Server, manent

Serve = Callable[..., Server]

CONFIG = """
recipe: default.v1
language: en
assistant_id: ferry
pipeline:
- name: WhitespaceTokenizer
- name: KeywordIntentClassifier
- name: RegexEntityExtractor
policies:
- name: RulePolicy
"""
NLU = """
version: "3.1"
nlu:
- intent: departures
  examples: |
    - when does the ferry leave
    - departures
- intent: luggage
  examples: |
    - may I bring a bicycle
    - luggage
"""
DOMAIN = """
version: "3.1"
intents: [departures, luggage]
responses:
  utter_departures: [{text: "On the hour."}]
  utter_luggage: [{text: "Two pieces each."}]
"""
RULES = """
version: "3.1"
rules:
- rule: departures
  steps: [{intent: departures}, {action: utter_departures}]
- rule: luggage
  steps: [{intent: luggage}, {action: utter_luggage}]
"""
WHOLE = {"config.yml": CONFIG, "domain.yml": DOMAIN, "data/nlu.yml": NLU, "data/rules.yml": RULES}
LEAVE = "when does the ferry leave"


def write(folder: Path, files: dict[str, str]) -> Path:
    """Write a project with a REST channel."""
    for name, text in {"credentials.yml": "rest:\n", **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def train(project: Path, *arguments: str) -> str:
    """Train, and return what was printed."""
    done = manent("train", *arguments, cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


# half a project -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def nlu_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of NLU data alone, trained by `manent train`, which then trains the NLU alone."""
    folder = write(tmp_path_factory.mktemp("nlu"), {"config.yml": CONFIG, "data/nlu.yml": NLU})
    assert "only the NLU model is trained" in train(folder)
    assert [path.name[:4] for path in (folder / "models").iterdir()] == ["nlu-"]
    return folder


@pytest.fixture(scope="module")
def core_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole project of which only the dialogue is trained."""
    folder = write(tmp_path_factory.mktemp("core"), WHOLE)
    train(folder, "core")
    return folder


def test_a_server_of_an_nlu_model_understands_and_does_not_answer(nlu_only: Path, serve: Serve) -> None:
    """Messages are parsed and stored, as in Rasa; asking for an action says what the model lacks."""
    server = serve(nlu_only, "--enable-api")

    assert server.post("/model/parse", {"text": LEAVE})[1]["intent"]["name"] == "departures"
    assert server.say(LEAVE) == []
    events = json.loads(server.get("/conversations/ada/tracker")[1])["events"]
    assert [event["text"] for event in events if event["event"] == "user"] == [LEAVE]
    status, failure = server.post("/conversations/ada/predict", {})
    assert (status, failure["details"]["error"]) == (400, "model_without_dialogue")
    assert server.get("/status")[0] == server.get("/domain")[0] == 200
    server.stop()
    assert server.process.stdout is not None
    assert "the bot stores messages but does not answer" in server.process.stdout.read()


@pytest.mark.parametrize("command", [("shell",), ("shell", "nlu")])
def test_the_shell_of_an_nlu_model_shows_what_it_understands(nlu_only: Path, command: tuple[str, ...]) -> None:
    """Without a dialogue, `manent shell` is `manent shell nlu`."""
    done = manent(*command, cwd=nlu_only, stdin=f"{LEAVE}\n/stop\n")

    assert done.returncode == 0, done.stderr
    assert '"departures"' in done.stdout


def test_an_nlu_model_is_scored(nlu_only: Path) -> None:
    """`manent test nlu` and `manent test` score it; `manent test core` says what it lacks."""
    assert manent("test", "nlu", cwd=nlu_only).returncode == 0
    whole = manent("test", cwd=nlu_only)
    assert (whole.returncode, "only the NLU model is evaluated" in whole.stdout) == (0, True), whole.stderr
    story = 'version: "3.1"\nstories:\n- story: leave\n  steps: [{intent: departures}, {action: utter_departures}]\n'
    write(nlu_only, {"tests/test_stories.yml": story})
    core = manent("test", "core", cwd=nlu_only)
    (nlu_only / "tests/test_stories.yml").unlink()
    assert (core.returncode, "the model contains no policies" in core.stderr) == (1, True), core.stdout + core.stderr


def test_a_server_of_a_core_model_answers_payloads(core_only: Path, serve: Serve) -> None:
    """A model of `manent train core` answers `/intent`; other messages have no intent."""
    server = serve(core_only, "--enable-api")

    assert [said["text"] for said in server.say("/luggage")] == ["Two pieces each."]
    assert server.post("/model/parse", {"text": "luggage"})[1]["intent"]["name"] is None


def test_the_shell_and_the_tests_of_a_core_model(core_only: Path) -> None:
    """`manent shell` talks by payloads; what needs the NLU says that the model has none."""
    talk = manent("shell", cwd=core_only, stdin="/luggage\n/stop\n")
    assert "Two pieces each." in talk.stdout, talk.stderr
    for command in (("shell", "nlu"), ("test", "nlu")):
        done = manent(*command, cwd=core_only)
        assert (done.returncode, "manent train nlu" in done.stderr) == (1, True), done.stdout
    whole = manent("test", cwd=core_only)
    assert (whole.returncode, "contains no NLU model" in whole.stdout) == (0, True), whole.stderr


@pytest.mark.parametrize(
    ("arguments", "files", "missing"),
    [
        ((), {"config.yml": CONFIG, "data/notes.yml": "remark: nothing here\n"}, "no NLU examples, stories or rules"),
        (("nlu",), {"config.yml": CONFIG, "data/rules.yml": RULES, "domain.yml": DOMAIN}, "no NLU examples in data"),
        (("core",), {"config.yml": CONFIG, "data/nlu.yml": NLU, "domain.yml": DOMAIN}, "no stories or rules in data"),
    ],
)
def test_training_of_nothing_fails(
    tmp_path: Path, arguments: tuple[str, ...], files: dict[str, str], missing: str
) -> None:
    """A project without data for what is to be trained ends with status 1 and writes no model."""
    done = manent("train", *arguments, cwd=write(tmp_path, files))

    assert (done.returncode, missing in done.stderr) == (1, True), done.stdout + done.stderr
    assert not list(tmp_path.glob("models/*"))


# one response of a retrieval intent -----------------------------------------------------------------------------------


def test_a_story_may_say_one_response_of_a_retrieval_intent(tmp_path: Path) -> None:
    """`utter_island/name` stands beside the NLU data; a story says it by its full name."""
    nlu = (
        NLU
        + """
- intent: island/name
  examples: |
    - what is the island called
responses:
  utter_island/name:
  - text: "Hven."
"""
    )
    domain = DOMAIN.replace("luggage]", "luggage, island]")
    rules = RULES + "- rule: name\n  steps: [{intent: island}, {action: utter_island/name}]\n"
    project = write(tmp_path, WHOLE | {"domain.yml": domain, "data/nlu.yml": nlu, "data/rules.yml": rules})
    train(project)

    talk = manent("shell", cwd=project, stdin="/island\n/stop\n")

    assert "Hven." in talk.stdout, talk.stderr


# files of others beside ours ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained_ferry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole project with its model."""
    folder = write(tmp_path_factory.mktemp("ferry"), WHOLE)
    train(folder)
    return folder


@pytest.fixture
def ferry(trained_ferry: Path, tmp_path: Path) -> Path:
    """A copy of it in a folder whose name has spaces and umlauts."""
    return Path(shutil.copytree(trained_ferry, tmp_path / "Fähre über den Sund"))


def test_the_database_of_another_program_stays_as_it_is(ferry: Path, serve: Serve) -> None:
    """`conversations.db` of another program is not touched; ours is kept beside it, across restarts."""
    with sqlite3.connect(ferry / "conversations.db") as theirs:
        theirs.execute("CREATE TABLE notes (text)")
        theirs.execute("INSERT INTO notes VALUES ('mine')")
    theirs.close()
    before = (ferry / "conversations.db").read_bytes()

    server = serve(ferry)
    assert [said["text"] for said in server.say(LEAVE)] == ["On the hour."]
    server.stop()
    shown = manent("conversations", "show", "ada", cwd=ferry)

    assert "On the hour." in shown.stdout, shown.stderr
    assert (ferry / "conversations.db").read_bytes() == before
    assert (ferry / "conversations.manent.db").exists()


def archive_of_another_program(path: Path) -> None:
    """Write a newer archive with the layout of another program's model."""
    with tarfile.open(path, "w:gz") as tar:
        member = tarfile.TarInfo("metadata.json")
        member.size = 2
        tar.addfile(member, io.BytesIO(b"{}"))
    newest = max(other.stat().st_mtime for other in path.parent.iterdir()) + 60
    os.utime(path, (newest, newest))


def test_models_of_another_program_are_skipped(ferry: Path, serve: Serve) -> None:
    """Our newest model is served although a newer archive lies beside it, which one sentence mentions."""
    theirs = ferry / "models" / "20300101-120000-other.tar.gz"
    archive_of_another_program(theirs)

    server = serve(ferry)
    assert [said["text"] for said in server.say("/luggage")] == ["Two pieces each."]
    server.stop()

    assert theirs.exists()
    assert server.process.stdout is not None
    assert server.process.stdout.read().count(theirs.name) == 1


def test_only_models_of_another_program(ferry: Path) -> None:
    """A folder that has only those is no model to serve, and says so."""
    for model in (ferry / "models").iterdir():
        model.unlink()
    archive = ferry / "models" / "other.tar.gz"
    (ferry / "models" / "x").touch()
    archive_of_another_program(archive)

    done = manent("run", cwd=ferry)

    assert done.returncode == 1
    assert "other.tar.gz: models of another program" in done.stderr
