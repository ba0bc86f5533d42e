"""The record with which the servers of one store agree on a model. It decides, and does no I/O.

The store keeps one announcement, the newest. A server that has a new model stores its file and announces it. The other
servers fetch and load it. When all of them are ready, or after a limited wait, one server sets the time of the switch,
and each server switches at this time of the store's clock.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

KEY: Final = "model"
"""Key of the announcement among the values of the store."""

PREPARE_S: Final = 30.0
"""Longest wait for servers that are not ready. A server that is ready later switches at once."""

LEAD_S: Final = 1.0
"""Time from the decision to the switch. It is longer than the pause in which servers read the announcement."""


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """The model that all servers of a store use, or will use.

    Attributes:
        number: increases by 1 with each announcement. Starts at 1.
        digest: SHA-256 of the model file, hexadecimal. "": all servers unload their model.
        parts: number of parts in which the store has the file.
        file: name of the file.
        at: time of the announcement by the store's clock.
        switch_at: time from which the model is used. None: not decided yet.
        before: digest of the model before this one, whose file the store keeps, too.
        etag: version of the source from which the model, or an earlier one, came.
        source: the source of `etag`.
    """

    number: int
    digest: str
    parts: int
    file: str
    at: float
    switch_at: float | None = None
    before: str = ""
    etag: str | None = None
    source: str = ""


def decode(value: bytes | None) -> Announcement | None:
    """Return the announcement in the store. None: no model was announced."""
    return None if value is None else msgspec.json.decode(value, type=Announcement)


def encode(announcement: Announcement) -> bytes:
    """Return the value to store."""
    return msgspec.json.encode(announcement)


def with_switch(announcement: Announcement, servers: Mapping[str, int], *, own: str, now: float) -> Announcement:
    """Set the time of the switch if all servers are ready, or if the wait is over.

    Args:
        announcement: one without a time.
        servers: name of each running server, and the number of the announcement that it is ready for.
        own: name of this server. If it is the only one, it switches at once.
        now: the store's time.
    """
    if any(ready < announcement.number for ready in servers.values()) and now < announcement.at + PREPARE_S:
        return announcement
    return replace(announcement, switch_at=now if set(servers) <= {own} else now + LEAD_S)
