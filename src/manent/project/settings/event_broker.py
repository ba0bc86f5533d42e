"""Checks `event_broker` in `endpoints.yml` (contract §10). Passwords are never shown.

`endpoints.py` calls it with the section. `brokers/opening.py` creates the broker.
"""

from manent.core.events import Json
from manent.extensions.finding import known_names
from manent.extensions.points import BROKERS
from manent.project.problems import Spot, did_you_mean, one_of
from manent.project.settings.options import check_options, find_class


def kind_of(section: Json) -> str:
    """Return the type of a broker. Rasa's default is `pika`."""
    return str(section.get("type") or "pika")


def check_event_broker(spot: Spot) -> None:
    """Report mistakes in the section: an unknown type, and wrong options."""
    kind = kind_of(spot.value)
    type_spot = spot.get("type") or spot
    if kind.lower() == "kafka":
        type_spot.error(
            "endpoints.broker-unsupported",
            one_of(known_names(BROKERS)),
            "Manent does not support this type of event broker",
        )
        return
    found = find_class(BROKERS, kind, type_spot, "endpoints.bad-broker")
    if found is not None:
        check_options(spot, getattr(found, "options", None), "endpoints", besides=("type",))
    elif "." not in kind:
        known = known_names(BROKERS)
        type_spot.error("endpoints.type", f"{one_of(known)}, or the path of a class", did_you_mean(kind, known))
