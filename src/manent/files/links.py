"""Signed links to files, which are valid for a limited time. The links do not contain a conversation id."""

import base64
import hashlib
import hmac
import math
from typing import Final
from urllib.parse import urlencode

from manent.core.secret_text import is_same

PATH: Final = "/files"
STEP_S: Final = 60.0
"""Links that are made in the same minute are the same, so that browsers need not read an image again."""


class Links:
    """Makes and checks links.

    Args:
        secret: key of the signatures, at least 16 bytes.
        valid_s: seconds for which a link is valid.
    """

    def __init__(self, secret: bytes, *, valid_s: float) -> None:
        self._secret = secret
        self._valid_s = valid_s

    def make(self, file_id: str, now: float) -> str:
        """Return a path with a signature. `now`: seconds since the epoch."""
        expires = math.ceil((now + self._valid_s) / STEP_S) * int(STEP_S)
        return f"{PATH}/{file_id}?{urlencode({'expires': expires, 'signature': self._sign(file_id, str(expires))})}"

    def is_valid(self, file_id: str, expires: str, signature: str, now: float) -> bool:
        """Return whether a signature is valid for the file and the expiry time, and the time has not passed."""
        expected = self._sign(file_id, expires)
        if not is_same(signature, expected):
            return False
        return int(expires) > now  # A time with a sign is a number.

    def _sign(self, file_id: str, expires: str) -> str:
        text = f"file:{file_id}:{expires}".encode(errors="replace")
        return base64.urlsafe_b64encode(hmac.digest(self._secret, text, hashlib.sha256)).rstrip(b"=").decode()
