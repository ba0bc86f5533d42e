"""Logs rejected requests, with a rate limit. So the log shows attacks, but attackers cannot fill the disk.

Channels, the HTTP API and the security middleware call `note` when they respond with an error. A record contains the
error code, the endpoint and the address. Records contain no data that the client sent.
"""

import logging
from typing import Final

from manent.core.errors import ManentError, RequestError
from manent.runtime.rate_limits import Buckets

log = logging.getLogger("manent.refusals")

MAX_PER_MINUTE: Final = 600
"""Maximum number of records per error code and minute."""

_LOGGED_STATUSES: Final = frozenset({400, 401, 403, 408, 411, 413, 429})
"""Statuses that are logged at level INFO, because correct clients do not cause them repeatedly.

Others are logged at DEBUG.
"""

_buckets: Final = Buckets(MAX_PER_MINUTE)


def note(error: ManentError, *, way: str, address: str = "") -> None:
    """Log a rejected request.

    Args:
        error: the error in the response.
        way: the endpoint, for example `socketio session_request` or `/sessions/user_uttered`.
        address: the client's address from `rate_limits.address_of`.
    """
    # statuses of 500 and above are server errors, which are logged where they happen
    if error.status >= 500:  # noqa: PLR2004
        return
    try:
        _buckets.take(error.code)
    except RequestError:
        return
    level = logging.INFO if error.status in _LOGGED_STATUSES else logging.DEBUG
    log.log(level, "refused", extra={"code": error.code, "way": way, "address": address})
