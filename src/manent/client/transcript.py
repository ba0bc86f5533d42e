"""Stores the messages that a client has received, and its cursor. This module does no I/O."""

from collections.abc import Iterable
from typing import Any

Json = dict[str, Any]


class Transcript:
    """A conversation's messages in one epoch, sorted by `seq` and part, without duplicates.

    Attributes:
        epoch: epoch of the log, or "" before the first join.
        cursor: the highest `seq` up to which no message is missing.
        has_more: whether the server has messages older than the first one in the transcript.
    """

    def __init__(self, *, epoch: str = "", cursor: int = 0, messages: Iterable[Json] = ()) -> None:
        self.epoch = epoch
        self.cursor = cursor
        self.has_more = False
        self._messages = {message["id"]: message for message in messages}

    @property
    def messages(self) -> list[Json]:
        """All messages, oldest first."""
        return sorted(self._messages.values(), key=_place)

    @property
    def oldest(self) -> int:
        """The `seq` of the first message, or 0 without messages."""
        return min((message["seq"] for message in self._messages.values()), default=0)

    def move(self, epoch: str) -> bool:
        """Continue with this epoch, or with "" if the epoch is unknown.

        Return whether it differs from the previous epoch.
        """
        if epoch == self.epoch:
            return False
        self.epoch, self.cursor, self.has_more = epoch, 0, False
        self._messages = {}
        return True

    def begin(self, answer: Json) -> bool:
        """Apply an answer to `session_request`.

        Returns: Whether messages are missing between the earlier messages and those in the answer. If so, the caller
        must fetch them with `history_request`, backwards from the answer's first message.
        """
        if answer["epoch"] != self.epoch:
            self._messages = {}
            self.epoch = answer["epoch"]
        newest_before = max((message["seq"] for message in self._messages.values()), default=0)
        self._add(answer["messages"])
        self.cursor = answer["seq"]
        if newest_before == 0:
            self.has_more = answer["has_more"]
            return False
        first = answer["messages"][0]["prev"] if answer["messages"] else newest_before
        return bool(answer["gap"]) and first > newest_before

    def add_history(self, answer: Json) -> None:
        """Apply an answer to `history_request`."""
        self._add(answer["messages"])
        self.has_more = answer["has_more"]

    def live(self, message: Json) -> bool:
        """Add a live event.

        Returns: Whether all earlier events are present. If not, the caller must join again with the cursor. In both
        cases, the event is added to the transcript.
        """
        if message["seq"] <= self.cursor:
            return True  # the answer to the join already contains the event
        self._add([message])
        if message["prev"] > self.cursor:
            return False
        parts = sum(1 for number in range(message["parts"]) if f"{message['seq']}.{number}" in self._messages)
        if parts == message["parts"]:
            self.cursor = message["seq"]
        return True

    def _add(self, messages: Iterable[Json]) -> None:
        for message in messages:
            self._messages.setdefault(message["id"], message)


def _place(message: Json) -> tuple[int, int]:
    seq, _, part = message["id"].partition(".")
    return int(seq), int(part)
