"""Ensures that Ctrl-C also stops a command during imports.

Python raises KeyboardInterrupt in the line of code that is currently running. During an import, this line can be in a
callback whose errors are only printed, so the command would continue. The line can also be in a C extension that
converts the exception to an ImportError. `main.py` and `train.py` run such imports inside `interruptible`.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType


@dataclass(slots=True)
class Interrupts:
    """Whether Ctrl-C was pressed."""

    came: bool = False

    def check(self) -> None:
        """Raise KeyboardInterrupt if Ctrl-C was pressed.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed.
        """
        if self.came:
            raise KeyboardInterrupt

    def _take(self, number: int, frame: FrameType | None) -> None:
        self.came = True
        signal.default_int_handler(number, frame)


@contextlib.contextmanager
def interruptible() -> Iterator[Interrupts]:
    """If Ctrl-C was pressed, replace any error in this context with KeyboardInterrupt.

    Do nothing in other threads, or if SIGINT has a handler other than Python's default.
    """
    interrupts = Interrupts()
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    signal.signal(signal.SIGINT, interrupts._take)  # noqa: SLF001  # a class of this module defines this attribute
    try:
        yield interrupts
    except Exception as error:
        if interrupts.came:
            raise KeyboardInterrupt from error
        raise
    finally:
        signal.signal(signal.SIGINT, before)
