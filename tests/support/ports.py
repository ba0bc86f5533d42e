"""Free ports for servers that cannot choose a port themselves.

If a test asks the operating system for a free port (port 0), the system may give the same port to another server or to
an outgoing connection before the test's server uses it. This module therefore counts up ports below the range from
which the operating system chooses, which begins at 32,768 on Linux. Each test process starts at a different number.
"""

import random
import socket

FIRST, LAST = 15_000, 32_000

_latest = random.randint(FIRST, LAST)  # noqa: S311  # no secret


def free_port() -> int:
    """Return a port of 127.0.0.1 that no process listens on and that this process has not returned recently."""
    global _latest  # noqa: PLW0603  # one count a process
    while True:
        _latest = _latest + 1 if _latest < LAST else FIRST
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", _latest)) != 0:
                return _latest
