"""Checks the options of `event_broker` in `endpoints.yml` (contract §10). Passwords are never shown.

`endpoints.py` calls it with the section. `brokers/opening.py` interprets the options.
"""

from manent.core.events import Json
from manent.project.problems import Spot, did_you_mean, one_of

TYPES = ("pika", "sql", "file")
DIALECTS = ("sqlite", "postgresql", "postgres")

_COMMON = ("type",)
_OPTIONS = {
    "file": (*_COMMON, "path"),
    "sql": (*_COMMON, "dialect", "url", "port", "db", "username", "password", "login_db", "query"),
    "pika": (
        *_COMMON,
        "url",
        "port",
        "username",
        "password",
        "queues",
        "exchange_name",
        "should_keep_unpublished_messages",
        "raise_on_failure",
        "connection_attempts",
        "retry_delay_in_seconds",
        "loglevel",
    ),
}
_FLAGS = ("should_keep_unpublished_messages", "raise_on_failure")
_NUMBERS = ("connection_attempts", "retry_delay_in_seconds")


def kind_of(section: Json) -> str:
    """Return the type of a broker. Rasa's default is `pika`."""
    return str(section.get("type") or "pika").lower()


def check_event_broker(spot: Spot) -> None:
    """Report mistakes in the section. An unknown type was already reported."""
    kind = kind_of(spot.value)
    if kind not in TYPES:
        if kind == "kafka" or "." in kind:
            (spot.get("type") or spot).error(
                "endpoints.broker-unsupported", one_of(TYPES), "Manent does not support this type of event broker"
            )
        return
    for name, option in spot.entries():
        if name not in _OPTIONS[kind]:
            known = _OPTIONS[kind]
            option.warn("endpoints.unknown-key", one_of(known), did_you_mean(name, known), found=f'the key "{name}"')
        elif name in _FLAGS:
            option.flag()
        elif name in _NUMBERS:
            option.number()
    _CHECKS[kind](spot)


def _check_file(spot: Spot) -> None:
    path = spot.get("path")
    if path is not None and path.value is not None:
        path.name("the path of a file")


def _check_sql(spot: Spot) -> None:
    url, dialect = spot.get("url"), spot.get("dialect")
    scheme, separator, _ = str(url.value or "").partition("://") if url is not None else ("", "", "")
    if url is not None and separator:
        _check_dialect(url, scheme)
    elif dialect is not None and dialect.value is not None:
        _check_dialect(dialect, str(dialect.value))


def _check_dialect(spot: Spot, written: str) -> None:
    dialect = written.partition("+")[0].lower()
    if dialect not in DIALECTS:
        spot.error(
            "endpoints.broker-dialect", "sqlite or postgresql", did_you_mean(dialect, DIALECTS), found=f'"{written}"'
        )


def _check_pika(spot: Spot) -> None:
    url = spot.get("url")
    if url is None or not isinstance(url.value, str) or not url.value.strip():
        (url or spot).error(
            "endpoints.no-url", "`url:` of RabbitMQ, a host or amqp://…", found="event_broker without a url"
        )
    elif "://" in url.value and url.value.partition("://")[0] not in ("amqp", "amqps"):
        url.error(
            "endpoints.url",
            "a host, or a URL that starts with amqp:// or amqps://",
            found=f'a URL that starts with "{url.value.partition("://")[0]}://"',
        )
    queues = spot.get("queues")
    if queues is not None and queues.value is not None:
        queues.names("the name of a queue")
    exchange = spot.get("exchange_name")
    if exchange is not None and exchange.value is not None:
        exchange.name("the name of an exchange")


_CHECKS = {"file": _check_file, "sql": _check_sql, "pika": _check_pika}
