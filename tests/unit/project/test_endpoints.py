"""The endpoints file."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from manent.core.errors import ProjectError, StoreError
from manent.extensions.finding import BadExtension
from manent.project.problems import Report
from manent.project.settings.desk import DeskOptions
from manent.project.settings.endpoints import Endpoints, read_endpoints, trusts_model_code
from manent.project.strictness import stricter
from manent.project.yaml.documents import plain, read_document
from manent.stores.opening import open_store


def read(tmp_path: Path, text: str) -> Endpoints:
    """Read a text as an endpoints file."""
    path = tmp_path / "endpoints.yml"
    path.write_text(text)
    return read_endpoints(path)


def test_sections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sections are returned unchanged, except for the variables, which are expanded."""
    monkeypatch.setenv("DB_PORT", "5432")
    endpoints = read(
        tmp_path,
        "action_endpoint:\n  url: http://localhost:5055/webhook\n  timeout: 5\n"
        "tracker_store:\n  type: SQL\n  dialect: postgresql\n  port: ${DB_PORT}\n"
        "lock_store:\n  type: in_memory\nevent_broker:\nnlg: {type: response}\n"
        "durability: process\nconversations: {retention_days: 30}\nlimits: public\n"
        "allow_private_addresses: [10.1.0.0/16]\n",
    )

    (warning,) = endpoints.warnings
    assert warning.path == "lock_store"
    assert replace(endpoints, warnings=()) == Endpoints(
        action_endpoint={"url": "http://localhost:5055/webhook", "timeout": 5},
        tracker_store={"type": "SQL", "dialect": "postgresql", "port": "5432"},
        lock_store={"type": "in_memory"},
        nlg={"type": "response"},
        durability="process",
        retention_days=30,
        allow_private_addresses=("10.1.0.0/16",),
        limits="public",
    )


def test_defaults(tmp_path: Path) -> None:
    """A missing or empty file has no sections, and commits wait for the disk."""
    assert read_endpoints(None) == read_endpoints(tmp_path / "none.yml") == read(tmp_path, "# nothing\n") == Endpoints()
    assert Endpoints().durability == "disk"


def test_desk(tmp_path: Path) -> None:
    """The section `desk` switches the desk on. Its hours are in its time zone."""
    assert read(tmp_path, "desk:\n").desk == DeskOptions()
    desk = read(
        tmp_path,
        "desk:\n  when_away: queue\n  queue_timeout: 10\n  timezone: Europe/Berlin\n"
        "  hours:\n    monday-friday: 09:00-17:00\n  closed: [2026-12-25]\n  on_error: queue\n",
    ).desk
    assert desk is not None
    hours = desk.opening_hours()
    assert hours is not None
    monday, christmas = 1796025600, 1798185600  # 08:00 UTC of 2026-11-30 and of 2026-12-25
    assert [hours.is_open(monday), hours.is_open(monday - 7200), hours.is_open(christmas)] == [True, False, False]
    assert (desk.when_away, desk.queue_timeout, desk.on_error) == ("queue", 10.0, "queue")


def test_in_process_actions_and_own_limits(tmp_path: Path) -> None:
    """Actions can run in the server's process, and each limit can be set separately."""
    endpoints = read(tmp_path, "action_endpoint: {actions_module: actions}\nlimits: {message_bytes: 1000}\n")

    assert endpoints.action_endpoint == {"actions_module": "actions"}
    assert endpoints.limits == {"message_bytes": 1000}


@pytest.mark.parametrize(
    ("text", "line", "code"),
    [
        ("action_endpoint: http://x\n", 1, "endpoints.section"),
        ("action_endpoint:\n  urll: http://x\n", 2, "endpoints.no-url"),
        ("action_endpoint:\n  url: localhost:5055\n", 2, "endpoints.url"),
        ("action_endpoint:\n  url: http://x\n  actions_module: actions\n", 2, "endpoints.both"),
        ("action_endpoint:\n  url: http://x\n  timeout: 0\n", 3, "endpoints.timeout"),
        ("nlg:\n  url: http://x\n  headers: x\n", 3, "endpoints.mapping"),
        ("models:\n  wait_time_between_pulls: 5\n", 2, "endpoints.no-url"),
        ("tracker_store:\n  type: SLQ\n", 2, "endpoints.type"),
        ("event_broker:\n  type: my.own.Broker\n", 2, "endpoints.bad-broker"),
        ("event_broker:\n  type: pika\n", 2, "endpoints.no-url"),
        ("event_broker:\n  queues: [a]\n", 2, "endpoints.no-url"),
        ("event_broker:\n  url: http://mq\n", 2, "endpoints.url"),
        ("event_broker:\n  url: mq\n  port: many\n", 3, "endpoints.port"),
        ("event_broker:\n  url: mq\n  queues: {a: b}\n", 3, "yaml.type"),
        ("event_broker:\n  url: mq\n  raise_on_failure: maybe\n", 3, "yaml.type"),
        ("event_broker:\n  url: mq\n  connection_attempts: some\n", 3, "yaml.type"),
        ("event_broker:\n  type: sql\n  dialect: mysql\n", 3, "endpoints.dialect"),
        ("event_broker:\n  type: sql\n  url: mysql://u:s3cr3t@db/x\n", 3, "endpoints.url"),
        ("event_broker:\n  type: file\n  path: [a]\n", 3, "yaml.type"),
        ("tracker_store:\n  type: my.own.Store\n", 2, "endpoints.bad-store"),
        ("tracker_store:\n  type: SQL\n  pool_size: 0\n", 3, "endpoints.pool-size"),
        ("tracker_store:\n  type: SQL\n  max_overflow: -1\n", 3, "endpoints.max-overflow"),
        ("tracker_store:\n  type: SQL\n  statement_timeout: 0\n", 3, "endpoints.statement-timeout"),
        ("tracker_store:\n  type: SQL\n  connect_timeout: soon\n", 3, "yaml.type"),
        ("tracker_store:\n  type: SQL\n  network_timeout: .inf\n", 3, "endpoints.network-timeout"),
        ("tracker_store:\n  type: SQL\n  pgbouncer: perhaps\n", 3, "yaml.type"),
        ("nlg:\n  url: http://x\n  type: my.own.Nlg\n", 3, "endpoints.type"),
        ("lock_store:\n  type: redis\n  port: many\n", 3, "endpoints.port"),
        ("desk: on\n", 1, "endpoints.section"),
        ("desk:\n  when_away: wait\n", 2, "endpoints.when-away"),
        ("desk:\n  queue_timeout: 0\n", 2, "endpoints.queue-timeout"),
        ("desk:\n  timezone: Europe/Atlantis\n", 2, "endpoints.timezone"),
        ("desk:\n  hours:\n    funday: 09:00-17:00\n", 3, "endpoints.hours"),
        ("desk:\n  closed: [christmas]\n", 2, "endpoints.closed"),
        ("desk:\n  on_error: cry\n", 2, "endpoints.on-error"),
        ("durability: disc\n", 1, "endpoints.durability"),
        ("conversations: {retention_days: 0}\n", 1, "endpoints.retention"),
        ("allow_private_addresses: 10.0.0.0/8\n", 1, "endpoints.private-addresses"),
        ("allow_private_addresses: [10.0.0.0/99]\n", 1, "endpoints.private-addresses"),
        ("conversations: {retention: 5}\n", 1, "endpoints.unknown-key"),
        ("limits: strict\n", 1, "endpoints.limits"),
        ("limits: {messages: -1}\n", 1, "endpoints.limit"),
        ("- a\n", 1, "yaml.type"),
    ],
)
def test_mistakes(text: str, line: int, code: str, tmp_path: Path) -> None:
    """Each mistake is reported as one error at its line."""
    with pytest.raises(ProjectError) as caught:
        read(tmp_path, text)
    assert [(problem.line, problem.code) for problem in caught.value.problems] == [(line, code)]
    assert "s3cr3t" not in caught.value.message


@pytest.fixture
def _rasa_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module with a tracker store that was written for Rasa is on the import path."""
    (tmp_path / "rasa_stores.py").write_text("from rasa.core.tracker_store import TrackerStore\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))


@pytest.mark.usefixtures("_rasa_store")
@pytest.mark.parametrize(
    ("text", "line", "name", "command"),
    [
        ("type: mongod\n  url: m", 2, "mongod", "manent import-rasa --url mongodb://"),
        ("url: m\n  store_type: redis", 3, "redis", "manent import-rasa --url redis://"),
        ("type: dynamo", 2, "dynamo", "rasa export"),
        ("type: mssql", 2, "mssql", "manent import-rasa --url DIALECT+DRIVER://"),
        ("type: SQL\n  dialect: mysql", 3, "mysql", "manent import-rasa --url DIALECT+DRIVER://"),
        ("type: SQL\n  url: mysql://u:s3cr3t@db/x", 3, "mysql", "manent import-rasa --url DIALECT+DRIVER://"),
        ("type: rasa_stores.OwnStore", 2, "rasa_stores.OwnStore", "rasa export"),
    ],
)
def test_a_store_that_only_rasa_has_is_replaced(text: str, line: int, name: str, command: str, tmp_path: Path) -> None:
    """Conversations are kept in the default file. The warning names the command that copies the earlier ones."""
    endpoints = read(tmp_path, f"tracker_store:\n  {text}\n")

    (warning,) = endpoints.warnings
    assert (warning.line, warning.code) == (line, "endpoints.store-unsupported")
    assert "Conversations are stored in conversations.db instead" in warning.expected
    assert command in warning.suggestion
    assert "dialect: postgresql" in warning.suggestion
    assert "s3cr3t" not in str(warning)
    assert (endpoints.tracker_store, endpoints.unsupported_store) == (None, name)
    assert not any(problem.warning for problem in stricter(endpoints.warnings))


@pytest.mark.parametrize(("kind", "suggestion"), [("kinesis", ""), ("fiel", 'Did you mean "file"?')])
def test_without_a_known_event_broker_nothing_is_published(kind: str, suggestion: str, tmp_path: Path) -> None:
    """As in Rasa, the server starts. The warning says how the events are published later."""
    endpoints = read(tmp_path, f"event_broker:\n  type: {kind}\n  url: k\n")

    (warning,) = endpoints.warnings
    assert (warning.line, warning.code) == (2, "endpoints.broker-unsupported")
    assert warning.suggestion.startswith(suggestion)
    assert "manent conversations export --to-broker" in warning.suggestion
    assert endpoints.event_broker is None
    assert not any(problem.warning for problem in stricter(endpoints.warnings))


def test_model_code_is_trusted_only_by_this_file(tmp_path: Path) -> None:
    """`trust_model_code` is a flag, false without the line."""
    assert not read(tmp_path, "").trust_model_code
    assert read(tmp_path, "trust_model_code: true\n").trust_model_code
    assert trusts_model_code(tmp_path)
    with pytest.raises(ProjectError):
        read(tmp_path, "trust_model_code: perhaps\n")


@pytest.mark.parametrize(
    "text",
    [
        "event_broker:\n",
        "event_broker:\n  type: file\n",
        "event_broker:\n  type: SQL\n  db: e.db\n",
        "event_broker:\n  type: sql\n  url: postgresql+psycopg2://u:p@db/x\n",
        "event_broker:\n  url: amqps://u:p@mq/x\n  queues: a\n",
        "event_broker: {type: pika, url: mq, username: u, password: p, port: 5672, queues: [a, b], exchange_name: e}\n",
        "event_broker: {url: mq, should_keep_unpublished_messages: false, raise_on_failure: true}\n",
        "event_broker: {url: mq, connection_attempts: 3, retry_delay_in_seconds: 1.5, loglevel: WARNING, own: 1}\n",
    ],
)
def test_event_brokers(text: str, tmp_path: Path) -> None:
    """Rasa's options of these brokers are read. An unknown option has no effect."""
    read(tmp_path, text)


@pytest.mark.parametrize(
    "section",
    [
        "type: SQL",
        "type: InMemory",
        "type: in_memory",
        "store_type: sql",
        "{type: SQL, dialect: postgresql, url: h}",
        "url: x",
        "{type: SQL, url: 'postgresql+psycopg2://u:p@db/x'}",
        "{type: SQL, url: 'sqlite:///x.db'}",
        "{type: SQL, url: 'mysql://u@db/x'}",
        "{type: SQL, dialect: oracle}",
        "type: redis",
        "type: dynamo",
        "type: InMemoryTrackerStore",
        "type: postgresql",
        "type: my.own.Store",
    ],
)
def test_what_is_read_can_be_opened(section: str, tmp_path: Path) -> None:
    """A tracker store that passes the check can be opened, and one that fails it cannot."""
    try:
        endpoints = read(tmp_path, f"tracker_store:\n  {section}\n")
    except ProjectError:
        options = plain(read_document(tmp_path / "endpoints.yml", Report(tmp_path)))["tracker_store"]
        with pytest.raises((StoreError, BadExtension)):
            open_store(options, root=tmp_path)
    else:
        open_store(endpoints.tracker_store, root=tmp_path)


@pytest.mark.parametrize(
    ("text", "warnings"),
    [
        ("models:\n  url: http://x\n  wait_time_between_pulls: 0\n", []),
        ("models:\n  url: s3://bucket/models\n  wait_time_between_pulls:\n", []),
        ("nlu:\n  url: http://x\n", ["1 endpoints.ignored"]),
        ("models:\nnlu:\n", []),
        ('action_endpoint:\n  url: "http://${ACTIONS}/webhook"\n', ["2 endpoints.variable"]),
        ("event_broker:\n  type: pika\n  url: 'amqp://u:s3cr3t@${MQ}'\n", ["3 endpoints.variable"]),
        ("action_endpoint:\n  url: http://x${NO_SUCH_VARIABLE}/webhook\n", ["2 endpoints.variable"]),
        ("action_endpoint:\n  url: http://${ACTIONS}/webhook\n", []),
    ],
)
def test_warnings(text: str, warnings: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Options without effect and unset variables are warnings with their lines."""
    monkeypatch.setenv("ACTIONS", "actions:5055")
    found = read(tmp_path, text).warnings

    assert [f"{warning.line} {warning.code}" for warning in found] == warnings
    assert "s3cr3t" not in str(found)
