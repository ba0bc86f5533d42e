"""Checks and reads `desk` in `endpoints.yml`: when the bot may request a person, and what happens if nobody answers."""

import zoneinfo
from typing import Literal

import msgspec

from manent.core.opening_hours import OpeningHours, read_hours
from manent.extensions.options import WrongOption, convert
from manent.project.problems import Spot
from manent.project.settings.options import check_options
from manent.project.yaml.documents import plain


class DeskOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The section `desk` of `endpoints.yml`.

    Attributes:
        when_away: what `action_human_handoff` does while nobody is at the desk, or outside the hours. `answer`: the bot
            sends `utter_human_handoff_unavailable` and continues. `queue`: the conversation waits for a person.
        queue_timeout: minutes after which a conversation that nobody has taken returns to the bot, which sends
            `utter_human_handoff_timeout`. Without it, conversations wait until an operator takes them.
        hours: times at which the desk is staffed: days → spans of time, for example `monday-friday: 09:00-17:00`.
            Without it, the desk is staffed at all times.
        timezone: time zone of the hours, for example `Europe/Berlin`.
        closed: dates on which the desk is not staffed, for example `"2026-12-25"`.
        on_error: whether a failure of the bot requests a person (`queue`), at most once an hour in a conversation, or
            only sends `utter_action_failed` (`answer`).
    """

    when_away: Literal["answer", "queue"] = "answer"
    queue_timeout: float | None = None
    hours: dict[str, str] = {}
    timezone: str = "UTC"
    closed: list[str] = []
    on_error: Literal["answer", "queue"] = "answer"

    def __post_init__(self) -> None:
        """Check the values that depend on each other."""
        if self.queue_timeout is not None and not 0 < self.queue_timeout < float("inf"):
            raise WrongOption("queue_timeout", "a number of minutes greater than 0")
        try:
            zoneinfo.ZoneInfo(self.timezone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            raise WrongOption(
                "timezone",
                "the name of a time zone, such as Europe/Berlin",
                suggestion="If the name is correct, install the Python package tzdata",
            ) from None
        for option, read in (("closed", self._read_closed), ("hours", self.opening_hours)):
            try:
                read()
            except ValueError as error:
                raise WrongOption(option, _EXPECTED[option], found=str(error)) from None

    def opening_hours(self) -> OpeningHours | None:
        """Return the hours. None: the desk is staffed at all times.

        Raises:
            ValueError: describes the wrong value.
        """
        if not self.hours and not self.closed:
            return None
        hours = self.hours or {"monday-sunday": "00:00-24:00"}
        return read_hours(hours, zoneinfo.ZoneInfo(self.timezone), self.closed)

    def _read_closed(self) -> None:
        read_hours({}, zoneinfo.ZoneInfo("UTC"), self.closed)


_EXPECTED = {
    "closed": "dates such as 2026-12-25",
    "hours": "days with spans of time, such as `monday-friday: 09:00-17:00`",
}


def read_desk(spot: Spot) -> DeskOptions | None:
    """Report mistakes in the section and return its options. None: it has mistakes."""
    if spot.value is not None and not isinstance(spot.value, dict):
        spot.error("endpoints.section", "the options of desk, one `option: value` per line")
        return None
    check_options(spot, DeskOptions, "endpoints")
    return convert(DeskOptions, plain(spot.value or {}))[0]
