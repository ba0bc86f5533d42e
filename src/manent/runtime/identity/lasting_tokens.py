"""Warns about JSON web tokens without `exp`, which stay valid until they are revoked or the key is changed."""

import logging
import time
from collections.abc import Callable

log = logging.getLogger("manent.identity")

INTERVAL_S = 24 * 3600.0
"""Least time between two warnings."""


class LastingTokens:
    """Logs, at most once a day, that tokens without `exp` were accepted.

    Args:
        option: name of the option that rejects such tokens.
        now: a monotonic clock, in seconds.
    """

    def __init__(self, option: str, now: Callable[[], float] = time.monotonic) -> None:
        self._option = option
        self._now = now
        self._warned_at = float("-inf")

    def note(self) -> None:
        """Record that a token without `exp` was accepted."""
        now = self._now()
        if now - self._warned_at >= INTERVAL_S:
            self._warned_at = now
            log.warning(
                "accepted a token without `exp`, which never expires. Issue tokens with `exp`; %s rejects the others",
                self._option,
            )
