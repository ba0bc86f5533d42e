"""The example assistant, as a visitor meets it, and the same one in format 2.0."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support import newsletter
from support.once import trained
from support.processes import Server

Serve = Callable[..., Server]

CONVERSATIONS = {
    "a whole subscription": [
        ("hi", "Hello, I'm the voice of The Allotment Letter"),
        ("very well", "good to hear"),
        ("I want to subscribe", "Which e-mail address"),
        ("my address is ada@example.org", "How often"),
        ("twice a week please", "notification"),
        ("yes", "how old"),
        ("sure", "How old are you?"),
        ("I'm 34", "Done! The letter goes to ada@example.org, twice a week."),
        ("what does it cost?", "Twice a week, as you chose, costs 3 euros"),
        ("subscribe me", "You're on the list: ada@example.org, twice a week."),
    ],
    "no age asked, no age given": [
        ("subscribe me", "Which e-mail address"),
        ("ada@example.org", "How often"),
        ("weekly", "notification"),
        ("no", "how old"),
        ("nope", "Done! The letter goes to ada@example.org, once a week."),
    ],
    "answers that can't be": [
        ("sign me up for the letter", "Which e-mail address"),
        ("mary@somerville", "doesn't look like an e-mail address"),
        ("it's mary@example.org", "How often"),
        ("daily please", "We only manage once or twice a week"),
        ("once is enough", "notification"),
        ("yes", "how old"),
        ("yes", "How old are you?"),
        ("I'm 300", "a most unusual age"),
        ("52", "A good age for gardening, 52."),
    ],
    "questions about the questions": [
        ("subscribe me", "Which e-mail address"),
        ("why do you ask?", "over your hedge"),
        ("ada@example.org", "How often"),
        ("why do you ask?", "Some like their letter on Saturday"),
        ('/inform{"frequency": "once a week"}', "notification"),
        ("how much is it?", "Once a week, as you chose, costs 2 euros"),
        ("what for?", "A late frost"),
        ("no", "how old"),
        ("yes", "How old are you?"),
        ("why do you ask?", "a chart on our shed's wall"),
        ("81", "A good age for gardening, 81."),
    ],
    "small talk, going on, and stopping": [
        ("subscribe me", "Which e-mail address"),
        ("ada@example.org", "How often"),
        ("twice a week please", "notification"),
        ("tell me a joke", "Do you want to go on"),
        ("yes", "notification"),
        ("tell me a joke", "Do you want to go on"),
        ("no", "As you like. Nothing was sent"),
        ("what is in it?", "one thing to sow"),
        ("subscribe me", "notification"),
        ("no", "how old"),
        ("no", "Done! The letter goes to ada@example.org, twice a week."),
    ],
    "a yes and a no that answer nothing": [
        ("yes", "I can't make anything of that here"),
        ("subscribe me", "Which e-mail address"),
        ("yes", "in other words"),
        ("subscribe me", "nearly there"),
        ("no", "Do you want to go on"),
        ("no", "As you like"),
    ],
    "moods": [
        ("hello", "Hello, I'm the voice"),
        ("I'm sad", "Did that help"),
        ("no", "Soil is patient"),
        ("are you a bot?", "I'm a bot"),
        ("thanks", "welcome"),
        ("bye", "Goodbye"),
    ],
    "another address": [
        ("subscribe me", "Which e-mail address"),
        ("ada@example.org", "How often"),
        ("once a week", "notification"),
        ("no", "how old"),
        ("no", "Done!"),
        ("/change_subscription", "From the beginning"),
        ("grace@example.com", "How often"),
        ("twice", "notification"),
        ("yes", "how old"),
        ("no", "Done! The letter goes to grace@example.com, twice a week."),
    ],
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The example with its action server running."""
    example = trained(newsletter.EXAMPLE, tmp_path_factory)
    with newsletter.actions_of(example) as url:
        yield newsletter.copied(example, tmp_path_factory.mktemp("newsletter") / "project", actions=url)


@pytest.fixture(scope="module")
def project_2_0(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The same in format 2.0, with action code of that time."""
    example = trained(newsletter.IN_2_0, tmp_path_factory)
    with newsletter.actions_of(example) as url:
        yield newsletter.copied(example, tmp_path_factory.mktemp("newsletter-2-0") / "project", actions=url)


def test_conversations_go_as_they_should(project: Path, serve: Serve) -> None:
    """Every way through the form, its interruptions and the small answers around it."""
    server = serve(project)

    for name, turns in CONVERSATIONS.items():
        for said, expected in turns:
            answered = [reply.get("text", "") for reply in server.say(said, sender=name)]
            assert any(expected in text for text in answered), (name, said, answered)


def recorded() -> list[tuple[str, str, list[str]]]:
    """Read the recording: conversation, what was said, and the lines that came back."""
    turns: list[tuple[str, str, list[str]]] = []
    name = ""
    for line in (Path(__file__).parent / "newsletter_on_rasa.txt").read_text().splitlines():
        if line.startswith("## "):
            name = line[3:]
        elif line.startswith("> "):
            turns.append((name, line[2:], []))
        elif line.startswith("    "):
            turns[-1][2].append(line[4:])
    return turns


def as_recorded(reply: dict[str, Any]) -> str:
    """Write a reply as the recording does."""
    titles = [button["title"] for button in reply.get("buttons", [])]
    return f"{reply.get('text') or reply.get('image')} {titles or ''}".strip()


def test_it_talks_as_on_rasa(project: Path, serve: Serve) -> None:
    """Every corner of the form, word for word as real Rasa answered with the same domain, rules and actions."""
    server = serve(project)
    turns = recorded()

    assert len(turns) == 145
    for name, said, expected in turns:
        assert [as_recorded(reply) for reply in server.say(said, sender=name)] == expected, (name, said)


def test_both_formats_say_the_same(project: Path, project_2_0: Path, serve: Serve) -> None:
    """Word for word, button for button, image for image."""
    new, old = serve(project), serve(project_2_0)

    for name, turns in CONVERSATIONS.items():
        for said, _ in turns:
            assert new.say(said, sender=f"same {name}") == old.say(said, sender=f"same {name}"), (name, said)


def test_a_crash_in_the_middle_of_the_form(project: Path, serve: Serve) -> None:
    """After `kill -9` and a new start the form goes on with its next question, and knows the earlier answers."""
    first = serve(project)
    first.say("subscribe me", sender="eve")
    first.say("eve@example.org", sender="eve")
    first.stop(signal.SIGKILL)
    second = serve(project, port=first.port)

    assert "notification" in second.say("weekly", sender="eve")[0]["text"]
    second.say("no", sender="eve")
    assert "eve@example.org, once a week" in second.say("no", sender="eve")[0]["text"]


def test_actions_in_the_servers_process(project: Path, serve: Serve, tmp_path: Path) -> None:
    """`actions_module` instead of `url`: the same conversation without an action server."""
    here = newsletter.copied(project, tmp_path / "here", actions="")
    (here / "endpoints.yml").write_text("action_endpoint: {actions_module: actions}\n")
    server = serve(here)

    for said, expected in CONVERSATIONS["no age asked, no age given"]:
        assert any(expected in reply.get("text", "") for reply in server.say(said)), said
