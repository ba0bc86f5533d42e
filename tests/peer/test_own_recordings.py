"""Assistants of our own for what the shared recordings leave out: everything goes as real Rasa 3.6.21 did it.

`record.py` made the recordings.
"""

from pathlib import Path

import pytest

from peer import player, replaying

ASSISTANTS = Path(__file__).parents[1] / "assistants"
RECORDED = sorted(path.parent.name for path in ASSISTANTS.glob("*/golden.json"))

DIFFERS = {
    "hall": {
        "remind_forget": 1,  # cancel_reminder keeps its keys
        "session_in_form": 4,  # what a form asked for does not survive its session
        "external_events": 1,  # a turn left open by the API is closed before the next message
        "rewind_by_event": 3,  # the same
        "restart_by_event": 1,  # the follow-up of a restart is there though the log was read again
        "random_1": 10,  # the channel that was last heard of is known after a restart
    },
    "market": {
        "random_0": 1,  # what a form asked for does not survive its session
        "random_8": 10,  # the channel that was last heard of is known after a restart
        "random_9": 10,  # what a form asked for does not survive its session
        "random_11": 8,  # the channel
        "random_18": 4,  # what a form asked for
        "random_19": 11,  # what a form asked for
    },
    "ferry": {
        "random_2": 11,  # the channel
        "random_21": 4,  # the channel
    },
}
"""Assistant → conversation → the first step that goes otherwise on purpose."""


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("assistant", RECORDED)
def test_own_recordings(assistant: str) -> None:
    """Events, slots and loops are those that Rasa had."""
    folder = ASSISTANTS / assistant
    built = player.build(folder / "project")
    found: dict[str, int] = {}
    what: dict[str, str] = {}
    for conversation in player.load(folder / "golden.json")["conversations"]:
        for difference in replaying.replay(built, conversation, strict=True):
            found[difference.conversation] = difference.step
            what[difference.conversation] = str(difference)
            break

    assert found == DIFFERS.get(assistant, {}), what
