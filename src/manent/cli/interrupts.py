"""Ctrl-C while something else makes an error of it.

A library written in C that is interrupted while it is imported may raise an ImportError instead, with advice about a
broken installation. `main.py` and `train.py` put what imports such libraries inside; nothing here knows a command.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt for any error after Ctrl-C.

    Only where Ctrl-C has Python's own handler: not in other threads, and not where somebody else takes it.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield
        return
    came = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal came
        came = True
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except Exception as error:
        if came:
            raise KeyboardInterrupt from error
        raise
    finally:
        signal.signal(signal.SIGINT, before)
