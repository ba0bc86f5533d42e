"""The opening hours of a desk."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from manent.project.settings.opening_hours import read_hours

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-30 08:59", False),  # a Monday
        ("2026-11-30 09:00", True),
        ("2026-11-30 12:30", False),
        ("2026-11-30 16:59", True),
        ("2026-11-30 17:00", False),
        ("2026-12-05 10:00", False),  # a Saturday
        ("2026-12-05 23:00", True),
        ("2026-12-06 01:59", True),
        ("2026-12-06 02:00", False),
        ("2026-12-25 10:00", False),
    ],
)
def test_hours_in_their_time_zone(moment: str, *, is_open: bool) -> None:
    """Hours are exact to the minute in the desk's time zone, also past midnight, and closed days are excluded."""
    hours = read_hours(
        {"Monday - friday": "9:00-12:00, 13:00-17:00", "saturday": "22:00-02:00"}, BERLIN, ["2026-12-25"]
    )
    assert hours.is_open(datetime.fromisoformat(moment).replace(tzinfo=BERLIN).timestamp()) is is_open


def test_summer_time() -> None:
    """The hours follow local time when daylight saving time begins and ends."""
    hours = read_hours({"monday-sunday": "09:00-10:00"}, BERLIN)
    assert hours.is_open(datetime(2026, 7, 1, 7, 30, tzinfo=UTC).timestamp())
    assert not hours.is_open(datetime(2026, 12, 1, 7, 30, tzinfo=UTC).timestamp())


def test_a_whole_day() -> None:
    """`00:00-24:00` has no gap."""
    hours = read_hours({"monday": "00:00-24:00"}, UTC)
    start = datetime(2026, 11, 30, tzinfo=UTC).timestamp()
    assert [hours.is_open(start + 3600 * hour) for hour in (-1, 0, 23, 24)] == [False, True, True, False]


@pytest.mark.parametrize(
    "hours",
    [{"funday": "09:00-17:00"}, {"friday-monday": "09:00-17:00"}, {"monday": "9-17"}, {"monday": "25:00-26:00"}],
)
def test_wrong_hours_are_named(hours: dict[str, str]) -> None:
    """Invalid hours are errors that contain the value."""
    with pytest.raises(ValueError, match=r"funday|friday-monday|9-17|25:00-26:00"):
        read_hours(hours, UTC)
