"""The times at which a desk is staffed. This module does no I/O and does not read a clock; times are arguments."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_SPAN = re.compile(r"\s*(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})\s*")
_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """Weekly hours in one time zone.

    Attributes:
        zone: the time zone.
        spans: weekday (0: Monday) → start and end of each span in minutes. If the end is not after the start, the span
            ends on the next day.
        closed: days on which no span starts.
    """

    zone: tzinfo
    spans: Mapping[int, tuple[tuple[int, int], ...]]
    closed: frozenset[date] = frozenset()

    def is_open(self, seconds: float) -> bool:
        """Return whether a time (seconds since the epoch) is within the hours."""
        now = datetime.fromtimestamp(seconds, self.zone)
        minute = now.hour * 60 + now.minute
        return self._covers(now.date(), minute) or self._covers(now.date() - timedelta(days=1), minute + _MINUTES)

    def _covers(self, day: date, minute: int) -> bool:
        """Return whether a span that starts on a day covers a minute, counted from the start of that day."""
        if day in self.closed:
            return False
        return any(
            start <= minute < (end if end > start else end + _MINUTES)
            for start, end in self.spans.get(day.weekday(), ())
        )


def read_hours(hours: Mapping[str, str], zone: tzinfo, closed: Iterable[str] = ()) -> OpeningHours:
    """Read weekly hours.

    Args:
        hours: days → spans of time: `monday`, `monday-friday`, and `09:00-17:00` or `09:00-12:00, 13:00-17:00`.
        zone: the time zone.
        closed: dates without hours, `YYYY-MM-DD`.

    Raises:
        ValueError: a value is not valid; the message describes it.
    """
    spans: dict[int, tuple[tuple[int, int], ...]] = {}
    for days, text in hours.items():
        for day in _days(days):
            spans[day] = (*spans.get(day, ()), *(_span(part) for part in text.split(",")))
    return OpeningHours(zone, spans, frozenset(date.fromisoformat(day) for day in closed))


def _days(text: str) -> range:
    first, _, last = text.strip().lower().partition("-")
    try:
        start, end = DAYS.index(first.strip()), DAYS.index((last or first).strip())
    except ValueError:
        raise ValueError(f"{text!r} is neither a day, such as monday, nor a range, such as monday-friday") from None
    if end < start:
        raise ValueError(f"{text!r} ends before it starts; write two ranges")
    return range(start, end + 1)


def _span(text: str) -> tuple[int, int]:
    found = _SPAN.fullmatch(text)
    numbers = [int(number) for number in found.groups()] if found else []
    if not numbers or max(numbers[0], numbers[2]) > 24 or max(numbers[1], numbers[3]) > 59:  # noqa: PLR2004  # hours and minutes of a clock
        raise ValueError(f"{text.strip()!r} is not a span of time, such as 09:00-17:00")
    start, end = numbers[0] * 60 + numbers[1], numbers[2] * 60 + numbers[3]
    if start >= _MINUTES or end > _MINUTES:
        raise ValueError(f"{text.strip()!r} is not a span of time, such as 09:00-17:00")
    return start, end
