"""Compares secrets: tokens, signatures and the like. Every comparison of a secret uses this function."""

import hmac


def is_same(given: str, expected: str) -> bool:
    """Return whether two secrets are equal, in constant time. Any text can be given, also with lone surrogates."""
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())
