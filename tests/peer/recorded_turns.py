"""The file format of recorded turns: which actions each message led to, and whether the bot said something.

Runs under Rasa's Python as well: the standard library only.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

UNCOUNTED = ("action_listen", "action_session_start", "action_unlikely_intent")
"""Actions that answer nothing."""
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SILENT = "-"


@dataclass(frozen=True)
class Turn:
    """The actions after one message, without `UNCOUNTED`, and whether the bot said something."""

    actions: tuple[str, ...]
    spoke: bool


@dataclass(frozen=True)
class Recording:
    """What one assistant did.

    Attributes:
        digest: of the project and the messages; a recording of others is stale.
        actions: all actions that occur.
        talks: for each conversation one string for each message: a digit for each action (its place in `actions`),
            then `-` when the bot said nothing. None: Rasa refuses to train the project.
    """

    digest: str
    actions: tuple[str, ...]
    talks: "tuple[tuple[str, ...], ...] | None"

    @classmethod
    def of(cls, project: Any, planned: "list[list[str]]", talks: "list[list[Turn]] | None") -> "Recording":
        """Make a recording."""
        names = tuple(sorted({name for talk in talks or () for turn in talk for name in turn.actions}))
        if talks is None:
            return cls(digest(project, planned), (), None)
        coded = tuple(
            tuple(
                "".join(_DIGITS[names.index(name)] for name in turn.actions) + ("" if turn.spoke else _SILENT)
                for turn in talk
            )
            for talk in talks
        )
        return cls(digest(project, planned), names, coded)

    def turns(self) -> "list[list[Turn]]":
        """Return the turns of each conversation."""
        return [
            [
                Turn(
                    tuple(self.actions[_DIGITS.index(digit)] for digit in coded.rstrip(_SILENT)),
                    not coded.endswith(_SILENT),
                )
                for coded in talk
            ]
            for talk in self.talks or ()
        ]


def digest(project: Any, planned: Any) -> str:
    """Return what tells projects and messages apart."""
    return hashlib.sha256(json.dumps([project, planned], sort_keys=True).encode()).hexdigest()[:12]


def path(which: str) -> Path:
    """Return the file of the recordings."""
    return Path(__file__).with_name(f"{which}.json")


def load(file: Path) -> "dict[str, Recording]":
    """Read the recordings, by assistant."""
    return {
        name: Recording(
            each["digest"],
            tuple(each["actions"]),
            tuple(tuple(talk.split(" ")) for talk in each["talks"]) if each["talks"] is not None else None,
        )
        for name, each in json.loads(file.read_text(encoding="utf-8")).items()
    }


def save(file: Path, recordings: "dict[str, Recording]") -> None:
    """Write the recordings, one assistant a line."""
    lines = []
    for name, each in recordings.items():
        coded = [" ".join(talk) for talk in each.talks] if each.talks is not None else None
        value = {"digest": each.digest, "actions": each.actions, "talks": coded}
        lines.append(f"{json.dumps(name)}: {json.dumps(value)}")
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
