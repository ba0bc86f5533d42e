"""A component of a project, copied into it by tests: it trains until it is stopped."""

import time
from pathlib import Path
from typing import Any


class Slow:
    """Says that it is at work by the file `at-work`, and understands nothing."""

    def __init__(self, options: Any) -> None: ...

    def train(self, examples: Any) -> None:
        """Take longer than any test."""
        del examples
        Path("at-work").touch()
        time.sleep(600)

    def process(self, result: Any) -> None:
        """Leave a message as it is."""

    def persist(self) -> dict[str, bytes]:
        """Keep nothing."""
        return {}

    def load(self, files: Any) -> None:
        """Need nothing."""
