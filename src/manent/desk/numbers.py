"""Computes what the tab *Numbers* shows from the sums that the reader keeps for each day. No I/O."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

from manent.core.events import Json
from manent.desk.reading import DAY_S, class_duration
from manent.runtime.ports.desk import Count

Bucket = Literal["day", "week", "all"]

WEEK_DAYS: Final = 7
MONDAY: Final = 4 * DAY_S
"""1970-01-05, a Monday, in seconds since the epoch."""

MAX_INTENTS: Final = 100

Sums = dict[str, dict[str, float]]


def numbers_json(counts: Sequence[Count], *, since: int, until: int, bucket: Bucket) -> Json:
    """Return the totals and the numbers of each bucket.

    Args:
        counts: the sums of the days.
        since: start of the first day, in seconds since the epoch.
        until: end of the last day.
        bucket: length of a bucket. Days and weeks (from Monday) are in UTC.
    """
    total: Sums = defaultdict(lambda: defaultdict(float))
    buckets: dict[int, Sums] = {
        start: defaultdict(lambda: defaultdict(float)) for start in _starts(since, until, bucket)
    }
    for count in counts:
        start = max(since, _start(count.day, bucket, since))
        for sums in (total, buckets[start]):
            sums[count.name][count.key] += count.value
    return {
        "from": since,
        "to": until,
        "bucket": bucket,
        "totals": _numbers(total),
        "buckets": [{"start": start, **_numbers(sums)} for start, sums in sorted(buckets.items())],
        "intents": [
            {"intent": intent, "count": int(value)}
            for intent, value in sorted(total["intents"].items(), key=lambda one: (-one[1], one[0]))[:MAX_INTENTS]
        ],
        "ratings": _ratings(total["ratings"]),
        "message_ratings": _ratings(total["message_ratings"]),
        "forms": _forms(total["form_asked"], total["form_answered"]),
    }


def _starts(since: int, until: int, bucket: Bucket) -> Iterable[int]:
    return {max(since, _start(day, bucket, since)) for day in range(since, until, DAY_S)}


def _start(day: int, bucket: Bucket, since: int) -> int:
    match bucket:
        case "day":
            return day
        case "week":
            return day - (day - MONDAY) % (WEEK_DAYS * DAY_S)
        case _:
            return since


def _numbers(sums: Mapping[str, Mapping[str, float]]) -> Json:
    def of(name: str, key: str = "") -> int:
        return int(sums.get(name, {}).get(key, 0.0))

    conversations, users = of("conversations"), of("messages", "user")
    return {
        "conversations": conversations,
        "visitors": of("visitors"),
        "messages": {"user": users, "bot": of("messages", "bot"), "agent": of("messages", "agent")},
        "handoffs": of("handoffs"),
        "containment": _share(conversations - of("handed"), conversations),
        "fallback_rate": _share(of("fallbacks"), users),
        "waiting": _durations(sums.get("waiting", {})),
        "response": _durations(sums.get("response", {})),
        "rating": _mean(sums.get("ratings", {})),
    }


def _share(part: int, whole: int) -> float | None:
    return round(max(0, part) / whole, 4) if whole else None


def _mean(ratings: Mapping[str, float]) -> float | None:
    count = sum(ratings.values())
    return round(sum(int(score) * value for score, value in ratings.items()) / count, 2) if count else None


def _durations(classes: Mapping[str, float]) -> Json:
    """Return median and 95th percentile of a histogram, in seconds. The error is about 5 percent."""
    ordered = sorted((int(number), value) for number, value in classes.items())
    return {
        "count": int(sum(value for _, value in ordered)),
        "median": _percentile(ordered, 0.5),
        "p95": _percentile(ordered, 0.95),
    }


def _percentile(ordered: Sequence[tuple[int, float]], share: float) -> float | None:
    wanted = share * sum(value for _, value in ordered)
    reached = 0.0
    for number, value in ordered:
        reached += value
        if reached >= wanted:
            return round(class_duration(number), 1)
    return None


def _ratings(ratings: Mapping[str, float]) -> Json:
    return {str(score): int(ratings.get(str(score), 0)) for score in range(1, 6)}


def _forms(asked: Mapping[str, float], answered: Mapping[str, float]) -> list[Json]:
    """Return how often each slot of a form was requested, and how often the visitor went no further."""
    found = []
    for key, value in sorted(asked.items()):
        form, _, slot = key.partition("\n")
        done = min(value, answered.get(key, 0.0))
        found.append(
            {"form": form, "slot": slot, "asked": int(value), "answered": int(done), "dropped": int(value - done)}
        )
    return found
