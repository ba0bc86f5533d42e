"""Operators for `crash.py`: they take conversations, answer, hand back and write notes at random.

Several operators act on the same conversations at the same time, on different servers. `Operator.sent` contains every
message that an operator sent, and whether a server acknowledged it.
"""

import asyncio
import contextlib
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

NOTE = "a note that only operators may see"
"""Text of all notes. No frame that a visitor receives may contain it."""

ACTS = ("take", "take", "say", "hand_back", "assign", "close", "note", "request")
OWN_ACTS = ("say", "say", "hand_back", "hand_back", "close", "release", "note")
"""What operators do with conversations that they took. They do it more often than anything else, so that a conversation
is with the bot about half of the time."""


@dataclass(slots=True)
class Said:
    """A message of an operator.

    Attributes:
        sender_id: the conversation.
        epoch: epoch of the log that it was written to. None: no server acknowledged it.
    """

    sender_id: str
    message_id: str
    text: str
    epoch: str | None = None


@dataclass(slots=True)
class Operator:
    """A person at the desk, who uses any server that answers."""

    name: str
    http: aiohttp.ClientSession
    urls: Sequence[str]
    rng: random.Random
    sent: list[Said] = field(default_factory=list)
    acts: int = 0
    conflicts: int = 0
    own: list[str] = field(default_factory=list)

    async def live(self, stop: asyncio.Event, sender_ids: Sequence[str]) -> None:
        """Act on random conversations until `stop` is set."""
        while not stop.is_set():
            sender_id, act = self.rng.choice(sender_ids), self.rng.choice(ACTS)
            if self.own and self.rng.random() < 0.7:
                sender_id, act = self.rng.choice(self.own), self.rng.choice(OWN_ACTS)
            asked = {"sender_id": sender_id, "do": act, "operator": self.name, "text": NOTE}
            if act == "say":
                said = Said(sender_id, uuid.uuid4().hex, f"{self.name} says {len(self.sent)}")
                self.sent.append(said)
                answer = await self.insist(asked | {"text": said.text, "message_id": said.message_id}, stop)
                if answer.get("ok"):
                    said.epoch = answer["epoch"]
            else:
                answer = await self.ask(asked)
            is_own = (answer.get("operator") or {}).get("id") == self.name
            self.own = [one for one in self.own if one != sender_id] + [sender_id] * is_own
            self.acts += 1
            self.conflicts += answer.get("code") == "handler_conflict"
            await asyncio.sleep(self.rng.random() * 0.2)

    async def insist(self, asked: dict[str, Any], stop: asyncio.Event) -> dict[str, Any]:
        """Send a request until a server answers it. Sometimes send it again although it was answered."""
        answer: dict[str, Any] = {}
        while not stop.is_set() and ("ok" not in answer or answer.get("code") == "busy"):
            answer = await self.ask(asked)
            await asyncio.sleep(0.05 if answer else 0.2)
        if answer.get("ok") and self.rng.random() < 0.2:
            await self.ask(asked)
        return answer

    async def ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Send a request to any server. Return {} if no answer arrives."""
        url = f"{self.rng.choice(self.urls)}/soak/desk"
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with self.http.post(url, json=asked, timeout=aiohttp.ClientTimeout(total=12)) as response:
                if response.status == 200:
                    answer: dict[str, Any] = await response.json()
                    return answer
        return {}


async def read_log(http: aiohttp.ClientSession, urls: Sequence[str], sender_id: str) -> dict[str, Any]:
    """Return the whole log of a conversation, with the events of the desk."""
    asked = {"sender_id": sender_id, "do": "log"}
    async with http.post(f"{urls[0]}/soak/desk", json=asked) as response:
        log: dict[str, Any] = await response.json()
        return log
