"""The tracker stores of Rasa that are not SQL databases."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
import sqlalchemy as sa

from manent.core.errors import StoreError
from manent.core.events import UserUttered
from manent.stores.memory import MemoryStore
from manent.stores.rasa_import import ImportReport, import_rasa
from support import mariadb

EVENTS: list[dict[str, Any]] = [
    {"event": "action", "timestamp": 1.0, "name": "action_listen", "policy": None, "confidence": None},
    {"event": "user", "timestamp": 2.0, "text": "hi", "parse_data": {"text": "hi"}, "input_channel": "rest",
     "message_id": "m1", "metadata": {}},
    {"event": "slot", "timestamp": 2.1, "name": "name", "value": "Ada"},
    {"event": "bot", "timestamp": 2.2, "text": "Hello", "data": {}, "metadata": {}},
]  # fmt: skip


@pytest.fixture
def redis_url() -> Iterator[str]:
    """The URL of a Redis server, which ends with the test."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("needs redis-server (apt install redis-server)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""], stdout=-3)
    try:
        url = f"redis://127.0.0.1:{port}/0"
        with redis.Redis.from_url(url) as client:
            for _ in range(500):
                try:
                    client.ping()
                    break
                except redis.ConnectionError:
                    time.sleep(0.01)
        yield url
    finally:
        server.terminate()
        server.wait()


async def test_dialogues_in_redis(redis_url: str) -> None:
    """Each key is a conversation; a second import adds only what is new; other keys are not read."""
    with redis.Redis.from_url(redis_url) as client:
        client.set("tracker:ada *1", json.dumps({"events": EVENTS[:2], "name": "ada *1"}))
        client.set("lock:ada", "x")
        client.set("shop:tracker:bob", json.dumps({"events": EVENTS, "name": "bob"}))
        store = MemoryStore()
        first = await import_rasa(redis_url, store)
        client.set("tracker:ada *1", json.dumps({"events": EVENTS, "name": "ada *1"}))
        second = await import_rasa(redis_url, store)
    shop = MemoryStore()

    assert first == ImportReport(conversations=1, events=2)
    assert second == ImportReport(conversations=1, events=2)
    assert await import_rasa(f"{redis_url}?key_prefix=shop", shop) == ImportReport(conversations=1, events=4)
    events = [entry.event for entry in await store.entries("ada *1")]
    assert [event.timestamp for event in events] == [1.0, 2.0, 2.1, 2.2]
    assert await shop.entries("bob")


async def test_rows_in_mariadb() -> None:
    """Ids that differ only in case, accents or a space at the end are different conversations, as in Rasa's rows."""
    senders = ["ada", "Ada", "ada ", "äda", "渡辺"]
    with mariadb.running() as url:
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            # The columns of Rasa's table.
            connection.execute(
                sa.text(
                    "CREATE TABLE events (id INTEGER NOT NULL AUTO_INCREMENT PRIMARY KEY,"
                    " sender_id VARCHAR(255) NOT NULL, type_name VARCHAR(255) NOT NULL, timestamp FLOAT,"
                    " intent_name VARCHAR(255), action_name VARCHAR(255), data TEXT, INDEX (sender_id))"
                )
            )
            for event in EVENTS:
                for sender_id in senders:
                    row = {
                        "sender": sender_id,
                        "type": event["event"],
                        "data": json.dumps({**event, "text": sender_id}),
                    }
                    insert = "INSERT INTO events (sender_id, type_name, data) VALUES (:sender, :type, :data)"
                    connection.execute(sa.text(insert), row)
        store = MemoryStore()
        first = await import_rasa(url, store)
        again = await import_rasa(url.replace("mysql+pymysql://", "mysql://"), store)
        engine.dispose()

    assert first == ImportReport(conversations=5, events=20)
    assert again == ImportReport(conversations=5, events=0)
    for sender_id in senders:
        entries = [entry.event for entry in await store.entries(sender_id)]
        assert [event.timestamp for event in entries] == [1.0, 2.0, 2.1, 2.2]
        assert [event.text for event in entries if isinstance(event, UserUttered)] == [sender_id]


async def test_documents_in_mongodb(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each document is a conversation. MongoDB itself is not available here: a library imitates it."""
    mongomock = pytest.importorskip("mongomock")
    client = mongomock.MongoClient()
    monkeypatch.setattr("pymongo.MongoClient", lambda _url: client)
    client["rasa"]["conversations"].insert_one({"sender_id": "ada", "events": EVENTS, "latest_event_time": 2.2})
    client["chats"]["trackers"].insert_one({"sender_id": "bob", "events": EVENTS[:1]})
    store, other = MemoryStore(), MemoryStore()

    assert await import_rasa("mongodb://db:27017/rasa", store) == ImportReport(conversations=1, events=4)
    monkeypatch.setattr(client, "get_default_database", lambda default: client["chats"] if default else None)
    report = await import_rasa("mongodb://db:27017/chats?collection=trackers", other)

    assert report == ImportReport(conversations=1, events=1)
    assert [entry.event.timestamp for entry in await store.entries("ada")] == [1.0, 2.0, 2.1, 2.2]


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:1/0",
        "redis://127.0.0.1:port/0",
        "mongodb://",
        "mongodb://127.0.0.1:1/x?serverSelectionTimeoutMS=50",
    ],
)
async def test_a_source_that_cannot_be_read(url: str) -> None:
    """The error says which source cannot be read."""
    with pytest.raises(StoreError, match=r"Redis|MongoDB"):
        await import_rasa(url, MemoryStore())
