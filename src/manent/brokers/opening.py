"""Creates the event broker that `event_broker` in `endpoints.yml` configures.

The server (`server/app.py`) and `manent conversations export` call `open_broker` after
`project/settings/event_broker.py` has checked the section. It opens no connection. A broker's libraries are imported
only if the broker is configured.
"""

from pathlib import Path

from manent.core.errors import BrokerError
from manent.core.events import Json
from manent.extensions.finding import Site, create, find, in_section, known_names
from manent.extensions.options import options_of
from manent.extensions.points import BROKERS
from manent.runtime.ports.broker import Broker

DEFAULT = "pika"
"""Rasa's default for `type`."""


def open_broker(section: Json | None, *, root: Path) -> Broker | None:
    """Create the broker that a project configures, without connecting it. Return None if no broker is configured.

    Args:
        section: `event_broker` of `endpoints.yml`. None if the section is missing.
        root: the project's folder, to which other paths are relative.

    Raises:
        BrokerError: `broker_unsupported`: the type is unknown.
        BadExtension: the class that `type` names cannot be imported.
        ProjectError: an option is wrong, or a library is missing. The message contains the command that installs the
            library.
    """
    if section is None:
        return None
    name = str(section.get("type") or DEFAULT)
    found = find(BROKERS, name)
    if found is None:
        known = ", ".join(known_names(BROKERS))
        raise BrokerError("broker_unsupported", f"unknown event broker type {name!r}; expected one of {known}")
    given = {key: value for key, value in section.items() if key != "type"}
    options = options_of(found, "event_broker", given, file="endpoints.yml")
    with in_section("endpoints.yml", "event_broker", "endpoints.bad-broker"):
        broker: Broker = create(name, found, options, Site(root))
    return broker
