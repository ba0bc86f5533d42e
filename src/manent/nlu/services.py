"""Describes the servers that a pipeline needs for a message: Duckling."""

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A Duckling server to ask about every message.

    Attributes:
        url: of the server; None when neither the configuration nor the environment names one.
        dimensions: what to look for; none for everything.
        locale: for example `de_DE`.
        timezone: for example `Europe/Berlin`; None for the server's.
        timeout_s: seconds to wait for an answer.
    """

    url: str | None
    dimensions: tuple[str, ...]
    locale: str
    timezone: str | None
    timeout_s: float

    def form(self, text: str, *, now: float) -> dict[str, str]:
        """Make the form to POST.

        Args:
            text: the message.
            now: what "tomorrow" counts from, in seconds since the epoch.
        """
        form = {
            "text": text,
            "locale": self.locale,
            "dims": json.dumps(self.dimensions) if self.dimensions else "",
            "reftime": str(int(now * 1000)),
        }
        if self.timezone:
            form["tz"] = self.timezone
        return {name: value for name, value in form.items() if value}
