"""Shows the progress of a long command: with a spinner on a terminal, and with one line per step in other outputs."""

import sys
import time
from types import TracebackType
from typing import Self

MIN_SHOWN_S = 0.1
"""Minimum duration in seconds of a step that is printed."""


class Steps:
    """A context that shows the steps of one command on standard error. Leaving it ends the last step."""

    def __init__(self) -> None:
        self._step = ""
        self._began = 0.0
        self._on_terminal = sys.stderr.isatty()

    def __enter__(self) -> Self:
        if self._on_terminal:
            from rich.console import Console
            from rich.status import Status

            self._console = Console(stderr=True, highlight=False)
            self._status = Status("", console=self._console)
        return self

    def show(self, step: str) -> None:
        """Start a step and end the previous one. If the text ends with a full stop, print it as a note instead."""
        self._finish()
        if step.endswith("."):
            print(f"Note: {step}", file=sys.stderr, flush=True)
            return
        self._step, self._began = step, time.monotonic()
        if self._on_terminal:
            self._status.update(f"{step} …")
            self._status.start()

    def _finish(self) -> None:
        if not self._step:
            return
        took = time.monotonic() - self._began
        if self._on_terminal:
            self._status.stop()
        if took >= MIN_SHOWN_S:
            print(f"{self._step} ({took:.1f} s)", file=sys.stderr, flush=True)
        self._step = ""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._finish()
        elif self._on_terminal:
            self._status.stop()
