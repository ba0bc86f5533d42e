"""Which broker a section of the endpoints file means."""

import sys
from pathlib import Path

import pytest

from manent.brokers.file import FileBroker
from manent.brokers.opening import open_broker
from manent.brokers.postgresql import PostgresqlBroker
from manent.brokers.rabbitmq import RabbitMqBroker
from manent.brokers.sqlite import SqliteBroker
from manent.core.errors import ProjectError
from manent.core.events import Json
from manent.runtime.ports.broker import Broker


def broker_of(**section: object) -> Broker | None:
    """The broker that these options mean."""
    return open_broker(section, root=Path("/project"))


def test_no_section_no_broker() -> None:
    """Nothing is published unless it is asked for."""
    assert open_broker(None, root=Path()) is None


@pytest.mark.parametrize(
    ("section", "path"),
    [
        ({"type": "file"}, "/project/rasa_event.log"),
        ({"type": "file", "path": "logs/e.log"}, "/project/logs/e.log"),
        ({"type": "File", "path": "/var/log/e.log"}, "/var/log/e.log"),
    ],
)
def test_file(section: Json, path: str) -> None:
    """A path starts from the project."""
    broker = broker_of(**section)
    assert isinstance(broker, FileBroker)
    assert str(broker.path) == path


@pytest.mark.parametrize(
    ("section", "path"),
    [
        ({"type": "sql"}, "/project/events.db"),
        ({"type": "SQL", "dialect": "sqlite", "db": "x.db"}, "/project/x.db"),
        ({"type": "sql", "url": "sqlite:///data/x.db"}, "/project/data/x.db"),
        ({"type": "sql", "url": "sqlite:////srv/x.db"}, "/srv/x.db"),
    ],
)
def test_sqlite(section: Json, path: str) -> None:
    """Rasa's default is a SQLite file."""
    broker = broker_of(**section)
    assert isinstance(broker, SqliteBroker)
    assert str(broker.path) == path


@pytest.mark.parametrize(
    ("section", "dsn"),
    [
        ({"dialect": "postgresql", "url": "db", "username": "u", "password": "p"}, "postgresql://u:p@db/events.db"),
        ({"dialect": "postgresql", "db": "chat", "port": 5433}, "postgresql://localhost:5433/chat"),
        ({"url": "postgresql+psycopg2://u@db/chat"}, "postgresql://u@db/chat"),
    ],
)
def test_postgresql(section: Json, dsn: str) -> None:
    """The options are those of a tracker store."""
    broker = broker_of(type="sql", **section)
    assert isinstance(broker, PostgresqlBroker)
    assert broker._dsn == dsn


@pytest.mark.parametrize(
    ("section", "url"),
    [
        ({"url": "mq"}, "amqp://mq:5672/"),
        ({"url": "mq", "username": "u", "password": "p/1", "port": "5673"}, "amqp://u:p%2F1@mq:5673/"),
        ({"url": "amqps://u:p@mq/chat"}, "amqps://u:p@mq/chat"),
        ({"url": "amqp://mq", "username": "u", "password": "p", "port": 5673}, "amqp://u:p@mq:5673"),
    ],
)
def test_rabbitmq(section: Json, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host with an account, or a whole address; Rasa's names for queue and exchange; `type` may be left out."""
    monkeypatch.setenv("RASA_ENVIRONMENT", "staging")
    broker = broker_of(**section)
    assert isinstance(broker, RabbitMqBroker)
    assert str(broker.options.url).rstrip("/") == url.rstrip("/")
    assert (broker.options.exchange, broker.options.queues) == ("rasa-exchange", ("rasa_core_events",))
    assert broker.options.environment == "staging"


def test_rabbitmq_queues() -> None:
    """Several queues, or one as a text."""
    several = broker_of(type="pika", url="mq", queues=["a", "b"], exchange_name="x")
    one = broker_of(type="pika", url="mq", queues="a")
    assert isinstance(several, RabbitMqBroker)
    assert isinstance(one, RabbitMqBroker)
    assert (several.options.queues, several.options.exchange, one.options.queues) == (("a", "b"), "x", ("a",))


@pytest.mark.parametrize(
    ("module", "section", "extra"),
    [
        ("aiormq", {"type": "pika", "url": "mq"}, "manent[rabbitmq]"),
        ("asyncpg", {"type": "sql", "dialect": "postgresql"}, "manent[postgresql]"),
    ],
)
def test_missing_library(module: str, section: Json, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error contains the missing module and the command that installs it."""
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, "manent.brokers.rabbitmq")
    monkeypatch.delitem(sys.modules, "manent.brokers.postgresql")
    with pytest.raises(ProjectError, match="pip install") as caught:
        broker_of(**section)
    assert extra in caught.value.message
    assert module in caught.value.message
