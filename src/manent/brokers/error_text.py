"""What an error of a library says, for the log: in one line, without the passwords that we gave it."""

from collections.abc import Iterable
from urllib.parse import quote

LONGEST = 300


def said(error: BaseException, secrets: Iterable[str | None] = ()) -> str:
    """Return the kind of an error and its text, cut where it is long."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    for secret in secrets:
        for form in (secret, quote(secret, safe="")) if secret else ():
            text = text.replace(form, "***")
    return text[:LONGEST]
