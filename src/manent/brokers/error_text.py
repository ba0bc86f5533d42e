"""Formats errors of libraries for the log, as one line without passwords."""

from collections.abc import Iterable
from urllib.parse import quote

MAX_LENGTH = 300


def describe_error(error: BaseException, secrets: Iterable[str | None] = ()) -> str:
    """Return an error's type and message in one line of at most `MAX_LENGTH` characters, with `secrets` replaced."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    for secret in secrets:
        for form in (secret, quote(secret, safe="")) if secret else ():
            text = text.replace(form, "***")
    return text[:MAX_LENGTH]
