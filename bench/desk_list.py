"""Measures the list of the desk: p95 of each filter and of pairs, with few and with many conversations, with the plans.

    python bench/desk_list.py --sizes 1000,1000000                  # SQLite, in a temporary folder
    python bench/desk_list.py --sizes 1000,1000000 --dsn postgresql://…

The rows are inserted directly, because the reader writes some hundred conversations a second.
"""

import argparse
import asyncio
import itertools
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from manent.core.conversation_log import Handler, Handling
from manent.core.events import Operator
from manent.runtime.ports.desk import LastMessage, ListFilter, ListRow
from manent.stores.desk.dialect import POSTGRESQL, SQLITE
from manent.stores.desk.listing import _scan, find_page, labels_column
from manent.stores.desk.tables import DeskTables
from manent.stores.operation import Operation

BATCH = 5_000
ROUNDS = 60
NOW = 1_764_000_000.0
COLUMNS = "sender_id, epoch, seq, handler, operator_id, waiting_since, updated, channel, labels, users, gone, data"


def row_of(number: int, rng: random.Random, total: int) -> ListRow:
    """Return a made-up row. 200 conversations wait or have an operator, however many there are."""
    handler: Handler = "bot"
    if number % max(1, total // 200) == 0:
        handler = "queue" if rng.random() < 0.3 else "human"
    updated = NOW - rng.random() * 90 * 86_400
    name = f"op{rng.randrange(50)}"
    labels = tuple(one for one, share in (("vip", 0.02), ("billing", 0.1), ("rare", 0.0005)) if rng.random() < share)
    return ListRow(
        sender_id=f"visitor-{number:08}",
        epoch="e" * 16,
        seq=20,
        handling=Handling(
            handler=handler,
            operator=Operator(id=name, name=name) if handler == "human" else None,
            waiting_since=updated if handler == "queue" else None,
        ),
        updated=updated,
        channel=rng.choices(["socketio", "telegram", "whatsapp", "rest"], [70, 20, 9, 1])[0],
        last=LastMessage(role="bot", text="What is your order number? " * 3, timestamp=updated),
        preview="Where is my order? " * 4,
        users=5,
        labels=labels,
    )


def fill(rows: list[ListRow], *, is_postgresql: bool) -> Operation[None]:
    """Insert rows."""
    values = [
        [one.sender_id, one.epoch, one.seq, one.handling.handler,
         one.handling.operator.id if one.handling.operator else None, one.handling.waiting_since or 0.0, one.updated,
         one.channel, labels_column(one.labels), one.users, 0, msgspec.json.encode(one).decode()]
        for one in rows
    ]  # fmt: skip
    labels = [[label, one.updated, one.sender_id, one.channel] for one in rows for label in one.labels]
    for table, columns, data, kinds in (
        ("desk_conversations", COLUMNS, values, "text text int8 text text float8 float8 text text int8 int2 text"),
        ("desk_labels", "label, updated, sender_id, channel", labels, "text float8 text text"),
    ):
        if is_postgresql:
            picked = ", ".join(f"CAST(v->>{n} AS {kind})" for n, kind in enumerate(kinds.split()))
            source = "jsonb_array_elements($1::jsonb) AS v"
        else:
            picked = ", ".join(f"json_extract(value, '$[{n}]')" for n in range(len(kinds.split())))
            source = "json_each($1)"
        yield (f"INSERT INTO {table} ({columns}) SELECT {picked} FROM {source}", (msgspec.json.encode(data).decode(),))  # noqa: S608  # constants


def plan(statement: str, values: tuple[Any, ...], *, is_postgresql: bool) -> Operation[list[str]]:
    """Return the query plan."""
    rows = yield ("EXPLAIN " + statement if is_postgresql else "EXPLAIN QUERY PLAN " + statement, values)
    return [str(row[-1]) for row in rows]


FILTERS: dict[str, dict[str, Any]] = {
    "all": {},
    "queue": {"handler": "queue"},
    "human": {"handler": "human"},
    "bot": {"handler": "bot"},
    "operator": {"operator": "op7"},
    "label": {"label": "vip"},
    "rare label": {"label": "rare"},
    "channel": {"channel": "rest"},
    "time": {"since": NOW - 30 * 86_400, "until": NOW - 29 * 86_400},
}


def combined() -> dict[str, dict[str, Any]]:
    """Return each filter, and each pair of filters of different kinds."""
    pairs = {
        f"{one} + {other}": {**FILTERS[one], **FILTERS[other]}
        for one, other in itertools.combinations(FILTERS, 2)
        if "all" not in (one, other) and not FILTERS[one].keys() & FILTERS[other].keys()
    }
    return FILTERS | pairs


async def stores(dsn: str | None) -> AsyncIterator[Any]:
    """Yield an open, empty store."""
    if dsn is not None:
        from manent.stores.postgresql.store import PostgresqlStore

        store: Any = PostgresqlStore(dsn, schema=f"bench_{time.time_ns()}")
        await store.open()
        yield store
        await store.close()
        return
    from manent.stores.sqlite.store import SqliteStore

    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "conversations.db", durability="process")
        await store.open()
        yield store
        await store.close()


async def measure(size: int, dsn: str | None, *, shows_plans: bool) -> dict[str, float]:
    """Return p95 in milliseconds, by filter."""
    found: dict[str, float] = {}
    async for store in stores(dsn):
        desk, rng = DeskTables(store), random.Random(7)
        await desk.open()
        for start in range(0, size, BATCH):
            rows = [row_of(number, rng, size) for number in range(start, min(size, start + BATCH))]
            await store.run_operation(fill(rows, is_postgresql=dsn is not None))
        if dsn is not None:
            async with store._connection() as connection:
                await connection.execute("ANALYZE desk_conversations; ANALYZE desk_labels")
        for name, given in combined().items():
            filters = ListFilter(**given)
            taken = []
            for _ in range(ROUNDS):
                began = time.perf_counter()
                operation = find_page(filters, "op1", 50, POSTGRESQL if dsn is not None else SQLITE)
                await store.run_operation(operation, is_read=True)
                taken.append(1_000 * (time.perf_counter() - began))
            found[name] = statistics.quantiles(taken, n=20)[-1]
            if shows_plans:
                statement, values = _scan(filters, 50)
                shown = await store.run_operation(plan(statement, values, is_postgresql=dsn is not None), is_read=True)
                print(f"  {name}: " + " | ".join(line.strip() for line in shown))
    return found


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="1000,1000000")
    parser.add_argument("--dsn")
    parser.add_argument("--plans", action="store_true")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    measured = [
        asyncio.run(measure(size, options.dsn, shows_plans=options.plans and size == sizes[-1])) for size in sizes
    ]
    print("p95 in ms".ljust(26) + "".join(f"{size:>12,}" for size in sizes))
    for name in measured[0]:
        print(name.ljust(26) + "".join(f"{one[name]:>12.2f}" for one in measured))


if __name__ == "__main__":
    main()
