"""From an empty folder to a conversation that is still there after a crash, with the real command line."""

import json
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from manent.extensions.points import CHANNELS
from support.ports import free_port
from support.processes import MANENT, Server, listens, manent, wait_for

Serve = Callable[..., Server]


def test_talks_at_once(talking: Server) -> None:
    """A fresh project answers a greeting with buttons, and a click on one of them."""
    greeting = talking.say("hello there", "newcomer")
    answer = talking.say(greeting[0]["buttons"][1]["payload"], "newcomer")

    assert "day" in greeting[0]["text"]
    assert any("image" in reply for reply in answer)
    assert answer[-1]["buttons"]


def test_understands_other_words(talking: Server) -> None:
    """Sentences that are not in the training data are understood."""
    assert "assistant" in talking.say("are you some kind of robot?", "curious")[0]["text"]
    assert "conversation" in talking.say("ok bye, see you next week", "curious")[0]["text"]


def test_answers_what_it_does_not_understand(talking: Server) -> None:
    """Gibberish gets an answer as well."""
    assert talking.say("qwx zzyv plonk", "cat")[0]["text"]


def test_says_where_it_is_and_sigterm_ends_it(project: Path, serve: Serve) -> None:
    """The address to open stands on the terminal; SIGTERM ends the server with status 0 and frees its port."""
    server = serve(project)
    server.say("hello")

    status = server.stop()

    assert status == 0
    assert not listens(server.port)
    assert server.process.stdout is not None
    assert f"http://localhost:{server.port}/" in server.process.stdout.read()


def test_kill_and_restart_goes_on(project: Path, serve: Serve) -> None:
    """After `kill -9` the story goes on where it was: the answer to its question is understood as such."""
    first = serve(project)
    first.say("hello")
    first.say("everything is terrible today")
    first.stop(signal.SIGKILL)

    second = serve(project, port=first.port)

    assert "tomorrow" in second.say("not really")[0]["text"]


def test_resent_message_is_answered_once(project: Path, serve: Serve) -> None:
    """A message sent again with its id, across a crash, gets the first answer and changes nothing."""
    first = serve(project)
    first_answer = first.say("hello", message_id="m1")
    first.stop(signal.SIGKILL)
    second = serve(project)

    again = second.say("hello", message_id="m1")

    assert again == first_answer


def test_health_and_version(talking: Server) -> None:
    """Probes of a load balancer are answered, and so is a client that is no browser."""
    assert talking.get("/health/live")[0] == 200
    assert talking.get("/health/ready")[0] == 200
    assert talking.get("/version")[0] == 200
    assert talking.get("/", accept="text/plain")[1].startswith("Hello from Manent")


def test_nothing_changed(project: Path) -> None:
    """Training again without a change makes no second model."""
    models = sorted((project / "models").iterdir())

    done = manent("train", cwd=project)

    assert done.returncode == 0, done.stderr
    assert "Nothing has changed" in done.stdout
    assert sorted((project / "models").iterdir()) == models


def test_changed_response_trains_nothing_else(project: Path) -> None:
    """A reworded response makes a new model without training understanding or dialogue again."""
    domain = project / "domain.yml"
    domain.write_text(domain.read_text().replace("Glad to hear it.", "Splendid."))

    dry = manent("train", "--dry-run", cwd=project)
    done = manent("train", cwd=project)

    assert (dry.returncode, dry.stdout.strip()) == (1, "These parts would be trained: domain.")
    assert done.returncode == 0, done.stderr
    assert len(list((project / "models").iterdir())) == 2


def test_mistakes_are_told_all_at_once(project: Path) -> None:
    """Two mistakes in two files are both told, with file and line, and the status is 1."""
    (project / "domain.yml").write_text((project / "domain.yml").read_text() + "\nslots:\n  size:\n    type: integer\n")
    stories = project / "data/stories.yml"
    stories.write_text(stories.read_text().replace("action: utter_hold_on", "actoin: utter_hold_on"))

    done = manent("train", cwd=project)

    assert done.returncode == 1
    assert "domain.yml:" in done.stderr
    assert "data/stories.yml:" in done.stderr
    assert "Did you mean" in done.stderr


def test_run_without_a_model(tmp_path: Path) -> None:
    """A server without a model says what to type."""
    done = manent("run", "-p", str(free_port()), cwd=tmp_path)

    assert done.returncode == 1
    assert "manent train" in done.stderr


def test_run_with_a_store_that_cannot_be_opened(project: Path) -> None:
    """A server whose store is in no state to be opened says so in one sentence."""
    (project / "conversations.db").write_text("This was never a database." * 100)
    done = manent("run", "-p", str(free_port()), cwd=project)

    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert [line for line in done.stderr.splitlines() if line.startswith("Error: ")] != []


def test_interrupted_training_leaves_the_old_model(project: Path) -> None:
    """Ctrl-C as training begins, while libraries are imported, leaves the folder of models as it was."""
    shutil.copy(Path(__file__).with_name("slow.py"), project)  # it does not end by itself, however late Ctrl-C comes
    config = yaml.safe_load((project / "config.yml").read_text())
    config["pipeline"].append({"name": "slow.Slow"})
    (project / "config.yml").write_text(yaml.safe_dump(config))
    before = {path: path.read_bytes() for path in (project / "models").iterdir()}
    process = subprocess.Popen(
        [*MANENT, "train", "--force"], cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_for(lambda: "scipy" in Path(f"/proc/{process.pid}/maps").read_text(), "training to begin")
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=90)

    assert process.returncode == 130, said
    assert {path: path.read_bytes() for path in (project / "models").iterdir()} == before


def test_shell(project: Path) -> None:
    """The shell prints answers, takes a button's number, and ends with `/stop`."""
    done = manent("shell", cwd=project, stdin="hello\n1\n/stop\n")

    assert done.returncode == 0, done.stderr
    assert "1: Very well (/day_good)" in done.stdout
    assert "Enjoy the rest" in done.stdout or "May the rest" in done.stdout


def test_shell_nlu(project: Path) -> None:
    """`shell nlu` prints what was understood."""
    done = manent("shell", "nlu", cwd=project, stdin="good morning\n")

    assert done.returncode == 0, done.stderr
    assert '"name": "greet"' in done.stdout


def test_scores(project: Path) -> None:
    """`test nlu` writes Rasa's reports, of a model or of parts of the data."""
    done = manent("test", "nlu", cwd=project)
    crossed = manent("test", "nlu", "--cross-validation", "-f", "2", "--out", "crossed", "--no-plot", cwd=project)

    assert done.returncode == 0, done.stderr
    assert crossed.returncode == 0, crossed.stderr
    report = json.loads((project / "results/intent_report.json").read_text())
    assert report["accuracy"] > 0.95
    assert report["greet"]["support"] == 12
    assert (project / "results/intent_confusion_matrix.png").read_bytes().startswith(b"\x89PNG")
    crossed_report = json.loads((project / "crossed/intent_report.json").read_text())
    assert 1 / 7 < crossed_report["accuracy"] < report["accuracy"]
    assert not list((project / "crossed").glob("*.png"))


def test_server_imports_nothing_for_training(project: Path) -> None:
    """A server that has answered a message has imported nothing that only training or action code needs."""
    program = """
import asyncio, sys
from pathlib import Path
from manent.cli.run import _leave_clients_out
from manent.core.messages import UserMessage

_leave_clients_out()  # as `manent run` does before it imports the server
from manent.server.app import build
from manent.server.options import ServeOptions

async def talk():
    conversations = build(ServeOptions(root=Path.cwd())).conversations
    await conversations.open()
    ticket = conversations.get("ada").submit(UserMessage(sender_id="ada", text="hello"))
    entries = await ticket.finished
    await conversations.close()
    assert entries, "no answer"

asyncio.run(talk())
print(*sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=project, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    modules = set(done.stdout.split())
    assert "manent.server.app" in modules
    unneeded = {"wordllama", "sklearn", "scipy", "matplotlib", "rasa_sdk", "sqlalchemy", "opentelemetry", "grpc"}
    assert modules.isdisjoint(unneeded)
    shared = ("messenger", "platform_api", "platform_tokens", "media", "meta", "texts")
    messengers = {f"manent.channels.{name}" for name in (*shared, *CHANNELS.built_in)} - {
        "manent.channels.rest",
        "manent.channels.socketio",
    }
    assert modules.isdisjoint(messengers)
    assert modules.isdisjoint({"manent.runtime.background.sending", "manent.runtime.background.receiving", "aiohttp"})


def test_with_actions(project: Path, serve: Serve) -> None:
    """`--with-actions` starts the action server of the project, and it is gone with the server, however that goes."""
    pytest.importorskip("rasa_sdk")
    action_port = free_port()
    (project / "endpoints.yml").write_text(f'action_endpoint:\n  url: "http://localhost:{action_port}/webhook"\n')
    (project / "actions/__init__.py").write_text(
        "from rasa_sdk import Action\n\n\n"
        "class Tell(Action):\n"
        "    def name(self):\n        return 'action_tell'\n\n"
        "    def run(self, dispatcher, tracker, domain):\n"
        "        dispatcher.utter_message(text='told by an action')\n        return []\n"
    )
    rules = project / "data/rules.yml"
    rules.write_text(rules.read_text().replace("action: utter_who_i_am", "action: action_tell"))
    domain = project / "domain.yml"
    domain.write_text(domain.read_text() + "\nactions:\n  - action_tell\n")
    assert manent("train", cwd=project).returncode == 0
    server = serve(project, "--with-actions")

    reply = server.say("who are you?")
    was_up = listens(action_port)
    server.stop(signal.SIGKILL)

    assert reply[0]["text"] == "told by an action"
    assert was_up
    wait_for(lambda: not listens(action_port), "the end of the action server")


def test_action_server_that_cannot_start_ends_cleanly(project: Path) -> None:
    """It ends with its failure, not with that of the thread that watches its standard input."""
    pytest.importorskip("rasa_sdk")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [*MANENT, "run", "actions", "-i", "127.0.0.1", "--port", port, "--stop-with-stdin"]
        with subprocess.Popen(
            command, cwd=project, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            said = process.stderr.read()  # standard input stays open, as it does under a server
            status = process.wait(30)

    assert status == 1, said
    assert "Fatal Python error" not in said
