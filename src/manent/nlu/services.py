"""Describes the servers that are called for each message. Duckling is the only kind of server."""

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A Duckling server to call for every message.

    Attributes:
        url: URL of the server. None: neither the configuration nor the environment defines it.
        dimensions: kinds of entities to find. Empty: all.
        locale: for example `de_DE`.
        timezone: for example `Europe/Berlin`. None: the server's time zone.
        timeout_s: seconds to wait for a response.
    """

    url: str | None
    dimensions: tuple[str, ...]
    locale: str
    timezone: str | None
    timeout_s: float

    def form(self, text: str, *, now: float) -> dict[str, str]:
        """Return the form to POST.

        Args:
            text: the message.
            now: reference time for "tomorrow", in seconds since the epoch.
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
