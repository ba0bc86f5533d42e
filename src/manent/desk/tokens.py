"""Makes the random tokens of links and cookies. The store keeps only their digests."""

import hashlib
import secrets
from typing import Final

_CSRF: Final = b"manent desk csrf\0"


def new_token() -> str:
    """Return a token that cannot be guessed, with 256 random bits, for URLs and cookies."""
    return secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    """Return what the store keeps of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def csrf_of(token: str) -> str:
    """Return the value of `X-CSRF-Token` for a session. Scripts of other origins cannot compute it."""
    return hashlib.sha256(_CSRF + token.encode()).hexdigest()
