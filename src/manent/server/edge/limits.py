"""Reads `limits:` in `endpoints.yml`: `normal`, `public` (stricter), or individual limits that override `normal`."""

import dataclasses
from dataclasses import replace

from manent.core.errors import Problem, ProjectError
from manent.core.events import Json
from manent.runtime.limits import Limits
from manent.runtime.rate_limits import Rates

PUBLIC = Limits(
    waiting_per_conversation=16,
    waiting_per_socket=32,
    outgoing_per_socket=2_000,
    text=4_000,
    connects_per_minute=60,
    connects_per_minute_per_subject=60,
    sessions_per_minute=20,
    sessions_per_minute_per_subject=20,
    messages_per_minute=300,
    messages_per_minute_per_sender=60,
)
"""Limits for a server on the internet whose visitors do not sign in."""

_RATES = {
    "connects": "connects_per_minute",
    "connects_per_subject": "connects_per_minute_per_subject",
    "sessions": "sessions_per_minute",
    "sessions_per_subject": "sessions_per_minute_per_subject",
    "messages": "messages_per_minute",
    "messages_per_sender": "messages_per_minute_per_sender",
}
"""The argument of `Rates` and the field of `Limits` of each rate."""

_NAMES = tuple(field.name for field in dataclasses.fields(Limits))


def read_limits(asked: str | Json) -> Limits:
    """Return the configured limits.

    Raises:
        ProjectError: a limit is unknown or not a whole number.
    """
    if isinstance(asked, str):
        return PUBLIC if asked == "public" else Limits()
    problems = []
    for name, value in asked.items():
        if name not in _NAMES:
            problems.append(_problem(name, f'the limit "{name}"', f"one of: {', '.join(_NAMES)}"))
        elif not isinstance(value, int) or isinstance(value, bool):
            problems.append(_problem(name, repr(value), "a whole number"))
    if problems:
        raise ProjectError(problems)
    return replace(Limits(), **asked)


def rates_of(limits: Limits) -> Rates:
    """Return the rate limits. All servers share the limits that differ from the defaults.

    The default limits only stop endless loops, and each server does this alone.
    """
    rates: dict[str, int] = {kind: getattr(limits, name) for kind, name in _RATES.items()}
    shared = [kind for kind, rate in rates.items() if rate and rate != getattr(Limits(), _RATES[kind])]
    return Rates(shared=shared, **rates)


def _problem(name: str, found: str, expected: str) -> Problem:
    path = f"limits.{name}"
    return Problem(file="endpoints.yml", line=0, path=path, code="endpoints.limit", found=found, expected=expected)
