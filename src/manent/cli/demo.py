"""`manent run --demo`: runs the server in a child process, and starts it again after it was killed with SIGKILL."""

import os
import signal
import subprocess
import sys
import time
from types import FrameType

_SERVER = "MANENT_DEMO_SERVER"
"""Environment variable that is set in the child process."""

_PAUSE_S = 0.5
"""Pause before the next start, so that a server that is killed again and again does not use all processor time."""


def is_server() -> bool:
    """Return whether this process is the child process, which serves."""
    return os.environ.get(_SERVER) == "1"


def keep_serving() -> None:
    """Run this command in a child process, and again after each SIGKILL. After any other end, exit with its status."""
    child: subprocess.Popen[bytes] | None = None

    def forward(number: int, _: FrameType | None) -> None:
        if child is not None:
            child.send_signal(number)

    for stopping in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stopping, forward)
    # A separate session, so that the child gets Ctrl-C only once, from `forward`. It ends when its input ends.
    while True:
        child = subprocess.Popen(  # noqa: S603  # the command that the user typed
            [sys.executable, "-m", "manent", *sys.argv[1:]],
            env=os.environ | {_SERVER: "1"},
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        status = child.wait()
        if status != -signal.SIGKILL:
            sys.exit(status if status >= 0 else 128 - status)
        print("The server was killed. Starting it again.", flush=True)
        time.sleep(_PAUSE_S)
