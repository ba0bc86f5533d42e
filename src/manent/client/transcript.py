"""The messages that a client has, and its cursor. Pure: what comes in decides, nothing is sent from here."""

from collections.abc import Iterable
from typing import Any

Json = dict[str, Any]


class Transcript:
    """Messages sorted by `seq` and part, none twice, of one epoch of one conversation.

    Attributes:
        epoch: of the log; "" before the first join.
        cursor: the `seq` up to which nothing is missing.
        has_more: older messages exist than the first one here.
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
        """The `seq` of the first message here, 0 for none."""
        return min((message["seq"] for message in self._messages.values()), default=0)

    def move(self, epoch: str) -> bool:
        """The conversation goes on under this epoch ("": not known yet); whether that is another one."""
        if epoch == self.epoch:
            return False
        self.epoch, self.cursor, self.has_more = epoch, 0, False
        self._messages = {}
        return True

    def begin(self, answer: Json) -> bool:
        """Take in an answer to `session_request`.

        Returns:
            Whether there is a hole between the messages that were here and those of the answer, to be filled with
            pages of the history from the answer's first message back.
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
        """Take in an answer to `history_request`."""
        self._add(answer["messages"])
        self.has_more = answer["has_more"]

    def live(self, message: Json) -> bool:
        """Take in a live event.

        Returns:
            False when something before it is missing: join again with the cursor. The event is kept all the same.
        """
        if message["seq"] <= self.cursor:
            return True  # at hand since the join
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
