"""Ctrl-C that stays Ctrl-C, whatever the code makes of it in which it arrives.

Python raises it wherever it is. In an import that may be a callback whose errors are only printed, so that all goes on
as if nothing had been pressed; or a library written in C, which raises an ImportError with advice on installing it.
`main.py` and `train.py` put what imports such libraries inside; nothing here knows a command.
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
        """Raise what was swallowed.

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
    """Raise KeyboardInterrupt for any error after Ctrl-C.

    Only where Ctrl-C has Python's own handler: not in other threads, and not where somebody else takes it.
    """
    interrupts = Interrupts()
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    signal.signal(signal.SIGINT, interrupts._take)  # noqa: SLF001  # its own module
    try:
        yield interrupts
    except Exception as error:
        if interrupts.came:
            raise KeyboardInterrupt from error
        raise
    finally:
        signal.signal(signal.SIGINT, before)
