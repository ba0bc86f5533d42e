"""The record with which all servers that use a store agree on a model. This module makes decisions and does no I/O.

The store keeps only the newest announcement. A server with a new model stores the model file and announces the model.
The other servers fetch and load the file. When all servers are ready, or after a limited wait, one server sets the time
of the switch. Each server switches at this time, as measured by the store's clock.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

KEY: Final = "model"
"""Key under which the store keeps the announcement."""

PREPARE_S: Final = 30.0
"""Maximum wait for servers that are not ready. A server that becomes ready later switches immediately."""

LEAD_S: Final = 1.0
"""Time between the decision and the switch. It is longer than the interval at which servers read the announcement."""


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """The model that all servers on a store use or are about to use.

    Attributes:
        number: number of the announcement. It starts at 1 and increases by 1.
        digest: SHA-256 of the model file in hexadecimal digits, or "" if all servers must unload their model.
        parts: number of parts into which the store splits the file.
        file: name of the file.
        at: time of the announcement by the store's clock.
        switch_at: time of the switch to the model, or None if it has not been decided yet.
        before: digest of the previous model, whose file the store also keeps.
        etag: version of the newest model that came from `source`.
        source: name of the source to which `etag` refers.
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
    """Decode the announcement in the store. Return None if no model was announced."""
    return None if value is None else msgspec.json.decode(value, type=Announcement)


def encode(announcement: Announcement) -> bytes:
    """Encode an announcement for the store."""
    return msgspec.json.encode(announcement)


def with_switch(announcement: Announcement, servers: Mapping[str, int], *, own: str, now: float) -> Announcement:
    """Set the time of the switch if all servers are ready or the maximum wait is over.

    Args:
        announcement: an announcement for which the time of the switch has not been set.
        servers: name of each running server → number of the announcement for which it is ready.
        own: name of this server. If no other server is running, it switches immediately.
        now: current time by the store's clock.
    """
    if any(ready < announcement.number for ready in servers.values()) and now < announcement.at + PREPARE_S:
        return announcement
    return replace(announcement, switch_at=now if set(servers) <= {own} else now + LEAD_S)
