"""Conversations recorded with Rasa 3.6.21, through the turn engine: the same events, slots and loops."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

from manent.core.errors import ActionError
from manent.core.events import Json
from peer import player, replaying

RECORDINGS = Path(__file__).parents[3] / "shared" / "conformance"
EXPECTED = Path(__file__).with_name("expected_differences.yml")

NOT_DIALOGUE = {
    "micro_defaults": {"events_http_bad", "events_http_put", "http_unknown_conversation"},
    "lang_trip": {"odd_empty", "odd_text", "odd_defaults"},
    "lang_e2e": {
        "odd_unknown_intent", "odd_unknown_entity", "odd_empty", "odd_payloads", "odd_text", "odd_long", "odd_defaults",
    },
}  # fmt: skip
"""Conversations about the HTTP API's refusals, and sentences that nobody can understand."""

pytestmark = pytest.mark.skipif(not RECORDINGS.exists(), reason="the recordings are not here")


def _recorded() -> Iterator[str]:
    for folder in sorted(RECORDINGS.glob("*/golden.json")):
        if "socketio" not in folder.parent.name:
            yield folder.parent.name


@cache
def _expected() -> list[Json]:
    entries: list[Json] = yaml.safe_load(EXPECTED.read_text(encoding="utf-8"))
    return entries


def _too_slow(name: str, _: Json) -> player.Answer:
    raise ActionError("action_timeout", f"{name} took too long")


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("assistant", list(_recorded()))
def test_recorded_conversations(assistant: str) -> None:
    """Every recorded conversation goes as recorded, or differs where the list of differences says so."""
    folder = RECORDINGS / assistant
    built = player.build(folder / "project", _too_slow if assistant == "micro_slow_action" else None)
    found: dict[tuple[str, int], str] = {}
    for conversation in player.load(folder / "golden.json")["conversations"]:
        if conversation["id"] in NOT_DIALOGUE.get(assistant, ()):
            continue
        for difference in replaying.replay(built, conversation, strict=True):
            found[difference.conversation, difference.step] = difference.what
            break
    expected = {
        (each["conversation"], each["step"])
        for each in _expected()
        if each["assistant"] == assistant and "step" in each
    }
    unexpected = [f"{key}: {what}" for key, what in found.items() if key not in expected]
    assert not unexpected
    assert expected <= set(found), "an expected difference is gone"
