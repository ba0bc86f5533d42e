"""Creates the event broker that `event_broker` in `endpoints.yml` configures.

The server (`server/app.py`) and `manent conversations export` call this, after `project/settings/event_broker.py` has
checked the section. It opens no connection. A broker's libraries are imported only if the broker is configured.
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
    """Create the broker that a project configures, without connecting it. Return None if none is configured.

    Args:
        section: `event_broker` of `endpoints.yml`. None: the section is missing.
        root: the project's folder. Relative paths start from it.
        postgresql_dsn: returns the libpq URL of the PostgreSQL database that a section names, or None for another
            database.

    Raises:
        BrokerError: `broker_unsupported`: the type is unknown, or a library is missing. The message says how to install
            the library.
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
            made: Broker = _import("postgresql").PostgresqlBroker(dsn)
            return made
        case "pika":
            return _rabbitmq(section)
        case other:
            raise BrokerError("broker_unsupported", f"unknown event broker type {other!r}; expected file, sql or pika")


def _file_of(section: Json) -> str:
    _, separator, rest = str(section.get("url") or "").partition("://")
    return (rest.partition("?")[0].removeprefix("/") if separator else section.get("db")) or DATABASE


def _rabbitmq(section: Json) -> Broker:
    rabbitmq = _import("rabbitmq")
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
    """Return the URL of the section, or a URL with its host. Add the account and the port of the section if needed."""
    given = str(section["url"])
    address = url(given) if "://" in given else url.build(scheme="amqp", host=given, port=PORT, path="/")
    if section.get("port") and (address.explicit_port is None or "://" not in given):
        address = address.with_port(int(section["port"]))
    if section.get("username") and address.user is None:
        address = address.with_user(str(section["username"]))
        if section.get("password") is not None:
            address = address.with_password(str(section["password"]))
    return address


def _import(extra: str) -> ModuleType:
    try:
        return import_module(f"manent.brokers.{extra}")
    except ModuleNotFoundError as error:
        raise BrokerError(
            "broker_unsupported",
            f"the event broker requires the module {error.name}, which is not installed; run `pip install "
            f"'manent[{extra}]'`",
        ) from error
