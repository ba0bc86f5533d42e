"""Says in the log who was refused what, so that an attack can be seen there, and no more often than it can be read.

Whoever answers with an error (channels, the HTTP API, the gate before them) calls `note`. Nothing of what was sent is
repeated: a code, a way in, an address.
"""

import logging
from typing import Final

from manent.core.errors import ManentError, RequestError
from manent.runtime.rate_limits import Buckets

log = logging.getLogger("manent.refusals")

AT_MOST_PER_MINUTE: Final = 600
"""Of each code; an attacker must not fill the disk."""

_TOLD: Final = frozenset({400, 401, 403, 408, 411, 413, 429})
"""Statuses of what nobody does by accident for long; other faults of clients are said at level DEBUG."""

_buckets: Final = Buckets(AT_MOST_PER_MINUTE)


def note(error: ManentError, *, way: str, address: str = "") -> None:
    """Log that a request was refused.

    Args:
        error: what it is answered with.
        way: by which it came, of our own making (`socketio session_request`, `/sessions/user_uttered`).
        address: where from, as `rates.address_of` has it.
    """
    if error.status >= 500:  # noqa: PLR2004  # ours, and logged where it happened
        return
    try:
        _buckets.take(error.code)
    except RequestError:
        return
    level = logging.INFO if error.status in _TOLD else logging.DEBUG
    log.log(level, "refused", extra={"code": error.code, "way": way, "address": address})
