"""Checks `event_broker` in `endpoints.yml` (contract §10). Passwords are never shown.

`endpoints.py` calls it with the section. `brokers/opening.py` creates the broker.
"""

from manent.core.events import Json
from manent.extensions.finding import BadExtension, find, known_names
from manent.extensions.points import BROKERS
from manent.project.problems import Spot, did_you_mean, one_of, quoted
from manent.project.settings.options import check_options, find_class


def kind_of(section: Json) -> str:
    """Return the type of a broker. Rasa's default is `pika`."""
    return str(section.get("type") or "pika")


_LATER = "Nothing is lost: `manent conversations export --to-broker` sends the events when a broker is configured"


def check_event_broker(spot: Spot) -> str | None:
    """Report mistakes in the section: an unknown type, and wrong options.

    Returns:
        The type of a broker that Manent does not support. A warning is added that the server publishes no events, as in
        Rasa. None: the broker is supported, or an error is reported.
    """
    kind = kind_of(spot.value)
    type_spot = spot.get("type") or spot
    if "." in kind and _is_for_rasa(kind):
        return _warn(type_spot, kind, "")
    return _check(kind, type_spot, spot)


def _is_for_rasa(path: str) -> bool:
    try:
        find(BROKERS, path)
    except BadExtension as error:
        return error.is_for_rasa
    return False


def _warn(spot: Spot, kind: str, suggestion: str) -> str:
    spot.warn(
        "endpoints.broker-unsupported",
        f"{one_of(known_names(BROKERS))}, or the path of a class. No events are published",
        f"{suggestion}. {_LATER}" if suggestion else _LATER,
        found=f"the event broker {quoted(kind)}",
    )
    return kind


def _check(kind: str, type_spot: Spot, spot: Spot) -> str | None:
    found = find_class(BROKERS, kind, type_spot, "endpoints.bad-broker")
    if found is not None:
        check_options(spot, getattr(found, "options", None), "endpoints", besides=("type",))
    elif "." not in kind:
        return _warn(type_spot, kind, did_you_mean(kind, known_names(BROKERS)))
    return None
