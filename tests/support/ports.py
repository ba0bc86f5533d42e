"""Ports for servers that can't choose their own.

A port that the system hands out for 0 may be handed out again before the server has taken it: to another server, or to
any connection that goes out. So these are counted up below the range that the system chooses from (Linux: 32,768 on),
in each test process from a place of its own.
"""

import random
import socket

FIRST, LAST = 15_000, 32_000

_latest = random.randint(FIRST, LAST)  # noqa: S311  # no secret


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on and that this process has not returned lately."""
    global _latest  # noqa: PLW0603  # one count a process
    while True:
        _latest = _latest + 1 if _latest < LAST else FIRST
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", _latest)) != 0:
                return _latest
