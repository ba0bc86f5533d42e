"""No message that Rasa 3.6.21 answers is left without an answer: in many assistants, beside recorded turns.

`bench/record_policies.py` made the recordings. Memoization and rules do exactly what Rasa's do; the learned policy may
answer differently from TED, but it answers.
"""

from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from manent.core.errors import ProjectError
from manent.core.events import ActionExecuted, BotUttered, Json
from peer import player, random_assistants, recorded_turns, talks, written_assistants
from peer.recorded_turns import Recording, Turn

DIFFERS = {
    "17": {3: "a part of a conversation that is shorter in Rasa with `max_history: 1`"},
    "28": {2: "Rasa forgets how a story ends that ends like another one, with `max_history: 1`"},
    "52": {
        0: "Rasa forgets a story after a form inside a form",
        1: "Rasa says nothing to a message that a form rejects",
        2: "Rasa forgets a story after a form inside a form",
    },
}
"""Assistant → conversation → why it goes differently."""


@cache
def _recorded(which: str) -> dict[str, Recording]:
    return recorded_turns.load(recorded_turns.path(which))


def _run(name: str, _: Json) -> player.Answer:
    return player.Answer(events=talks.action_events(name))


def _play(assistant: player.Assistant, messages: list[str]) -> list[Turn]:
    """Return what each message leads to."""
    talk = assistant.player()
    turns = []
    for message in messages:
        before = len(talk.events)
        talk.parses = {message: talks.parse(message)}
        talk.say({"user": message})
        events = talk.events[before:]
        names = [(each.name or each.action_text or "") for each in events if isinstance(each, ActionExecuted)]
        actions = tuple(name for name in names if name not in recorded_turns.UNCOUNTED)
        turns.append(Turn(actions, any(isinstance(each, BotUttered) for each in events)))
    return turns


def _build(module: ModuleType, name: str, root: Path, recording: Recording) -> tuple[player.Assistant, list[list[str]]]:
    """Return an assistant and its conversations; those that were recorded."""
    project, planned = module.project(name), module.planned(name)
    assert recording.digest == recorded_turns.digest(project, planned), "the recording is of another assistant"
    talks.write_project(project, root)
    return player.build(root, _run), planned


@pytest.mark.parametrize("name", list(_recorded("random")))
def test_random_assistants(name: str, tmp_path: Path) -> None:
    """Memoization, rules and forms take the recorded actions in every turn, or refuse the project as Rasa does."""
    recording = _recorded("random")[name]
    if recording.talks is None:
        with pytest.raises(ProjectError):
            _build(random_assistants, name, tmp_path, recording)
        return
    assistant, planned = _build(random_assistants, name, tmp_path, recording)
    found = [_play(assistant, messages) for messages in planned]
    differing = [number for number, turns in enumerate(recording.turns()) if turns != found[number]]

    assert differing == list(DIFFERS.get(name, ()))
    for number in differing:
        theirs, ours = next(
            pair for pair in zip(recording.turns()[number], found[number], strict=True) if _differ(pair)
        )
        assert ours.spoke or not theirs.spoke


def _differ(pair: tuple[Turn, Turn]) -> bool:
    return pair[0] != pair[1]


@pytest.mark.parametrize("name", list(_recorded("written")))
def test_written_assistants(name: str, tmp_path: Path) -> None:
    """Whatever TED predicts, every message that Rasa answers is answered here."""
    recording = _recorded("written")[name]
    assistant, planned = _build(written_assistants, name, tmp_path, recording)
    silent = [
        (messages[: place + 1], theirs.actions)
        for messages, recorded in zip(planned, recording.turns(), strict=True)
        for place, (ours, theirs) in enumerate(zip(_play(assistant, messages), recorded, strict=True))
        if theirs.spoke and not ours.spoke
    ]

    assert silent == []


TRAINED = [name for name, each in _recorded("random").items() if each.talks is not None][:60]


@pytest.mark.parametrize("name", TRAINED)
def test_random_assistants_with_a_learned_policy(name: str, tmp_path: Path) -> None:
    """With TEDPolicy every message of every conversation leads to an action besides listening."""
    project = random_assistants.project(name)
    project["policies"].append({"name": "TEDPolicy", "max_history": 5})
    talks.write_project(project, tmp_path)
    assistant = player.build(tmp_path, _run)

    for messages in random_assistants.planned(name):
        assert all(turn.actions for turn in _play(assistant, messages))
