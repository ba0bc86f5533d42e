"""Which event broker a project asks for: from `event_broker` in `endpoints.yml` to a `Broker`.

The composition root and `manent conversations export` call this; `project/settings/event_broker.py` checked the
section. It constructs and opens nothing. The libraries of a broker are imported only when it is asked for.
"""

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from manent.brokers.file import FileBroker
from manent.brokers.sqlite import SqliteBroker
from manent.core.errors import BrokerError
from manent.core.events import Json
from manent.runtime.ports.broker import Broker

FILE = "rasa_event.log"
DATABASE = "events.db"
PORT = 5672


def open_broker(section: Json | None, *, root: Path, postgresql_dsn: Callable[[Json], str | None]) -> Broker | None:
    """Return the broker that a project asks for, not yet connected; None when it asks for none.

    Args:
        section: of `endpoints.yml`; None when there is none.
        root: the project's folder, which relative paths start from.
        postgresql_dsn: makes a libpq URL of the options of an SQL database, None when it is another one.

    Raises:
        BrokerError: `broker_unsupported`; a library is missing, and the message says how to get it.
    """
    if section is None:
        return None
    match str(section.get("type") or "pika").lower():
        case "file":
            return FileBroker(root / str(section.get("path") or FILE))
        case "sql":
            dsn = postgresql_dsn({"db": DATABASE, **section})
            if dsn is None:
                return SqliteBroker(root / _file_of(section))
            made: Broker = _needing("postgresql").PostgresqlBroker(dsn)
            return made
        case "pika":
            return _rabbitmq(section)
        case other:
            raise BrokerError("broker_unsupported", f"unknown event broker type {other!r}")


def _file_of(section: Json) -> str:
    _, separator, rest = str(section.get("url") or "").partition("://")
    return (rest.partition("?")[0].removeprefix("/") if separator else section.get("db")) or DATABASE


def _rabbitmq(section: Json) -> Broker:
    rabbitmq = _needing("rabbitmq")
    queues = section.get("queues") or (rabbitmq.QUEUE,)
    made: Broker = rabbitmq.RabbitMqBroker(
        rabbitmq.RabbitMq(
            url=_address(section, rabbitmq.URL),
            exchange=section.get("exchange_name") or rabbitmq.EXCHANGE,
            queues=(queues,) if isinstance(queues, str) else tuple(queues),
            environment=os.environ.get("RASA_ENVIRONMENT"),
            certificate=os.environ.get("RABBITMQ_SSL_CLIENT_CERTIFICATE"),
            key=os.environ.get("RABBITMQ_SSL_CLIENT_KEY"),
        )
    )
    return made


def _address(section: Json, url: Any) -> Any:
    """Return the address: a whole one, in which an account and a port of their own are filled in, or made of a host."""
    given = str(section["url"])
    address = url(given) if "://" in given else url.build(scheme="amqp", host=given, port=PORT, path="/")
    if section.get("port") and (address.explicit_port is None or "://" not in given):
        address = address.with_port(int(section["port"]))
    if section.get("username") and address.user is None:
        address = address.with_user(str(section["username"]))
        if section.get("password") is not None:
            address = address.with_password(str(section["password"]))
    return address


def _needing(extra: str) -> ModuleType:
    try:
        return import_module(f"manent.brokers.{extra}")
    except ModuleNotFoundError as error:
        raise BrokerError(
            "broker_unsupported",
            f"the event broker needs the module {error.name}: pip install 'manent[{extra}]'",
        ) from error
