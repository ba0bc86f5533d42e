"""The list of conversations.

Each page reads an index from where the page before ended, so its cost does not depend on the number of conversations.
The index of the most selective filter is read; the other filters are compared with each row that it yields. A page
reads at most `SCAN` rows. If too few of them fit, the page is shorter than its limit, and `next` continues behind them.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from manent.runtime.ports.desk import ListFilter, ListPage, ListRow
from manent.stores.desk.dialect import Dialect
from manent.stores.operation import Operation

SCAN: Final = 1_000
"""Maximum number of rows that one page reads."""

STEP: Final = 200
"""Number of rows that are read at once if some of them may not fit."""

SEARCHED: Final = 2_000
"""Maximum number of messages among which the search of a list looks for conversations."""

MAX_ID: Final = 2**62

_decode = msgspec.json.Decoder(ListRow).decode


class _Source(NamedTuple):
    """An index: the table and condition that read it, and the column by which its rows are sorted."""

    table: str
    conditions: list[str]
    key: str
    is_ascending: bool = False


def find_rows(sender_ids: Collection[str], dialect: Dialect) -> Operation[dict[str, ListRow]]:
    """See `DeskStore.rows`."""
    found = yield (
        f"SELECT data FROM desk_conversations WHERE gone = 0 AND sender_id IN {dialect.among('$1')}",
        (_json(sender_ids),),
    )
    rows = [_decode(data) for (data,) in found]
    return {row.sender_id: row for row in rows}


def find_page(filters: ListFilter, reader: str, limit: int, dialect: Dialect) -> Operation[ListPage]:
    """See `DeskStore.page`."""
    scanned: Sequence[Sequence[Any]]
    if filters.q is not None:
        scanned, is_end = (yield from _searched(filters, filters.q, dialect)), True
    else:
        scanned, is_end = yield from _scanned(filters, limit)
    fitting = [row for row in scanned if _fits(row, filters)]
    shown = fitting[:limit]
    last = shown[-1] if len(fitting) > limit else None if is_end else scanned[-1]
    found = yield (
        (
            "SELECT c.data, c.users - COALESCE(r.users, 0) FROM desk_conversations AS c "
            "LEFT JOIN desk_reads AS r ON r.sender_id = c.sender_id AND r.member_id = $2 "
            f"WHERE c.sender_id IN {dialect.among('$1')}"
        ),
        (_json([row[1] for row in shown]), reader),
    )
    rows = {row.sender_id: (row, max(0, unread)) for row, unread in ((_decode(data), unread) for data, unread in found)}
    ordered = [rows[row[1]] for row in shown if row[1] in rows]
    return ListPage(
        rows=tuple(row for row, _ in ordered),
        unread={row.sender_id: unread for row, unread in ordered},
        next=None if last is None else (float(last[0]), str(last[1])),
    )


def _scanned(filters: ListFilter, limit: int) -> Operation[tuple[list[Sequence[Any]], bool]]:
    """Read rows of the index until enough of them fit. Return them, and whether they are the last of the index."""
    scanned: list[Sequence[Any]] = []
    fitting = 0
    while True:
        statement, values = _scan(filters, limit)
        rows = yield (statement, values)
        scanned += rows
        fitting += sum(_fits(row, filters) for row in rows)
        if len(rows) < int(values[-1]):
            return scanned, True
        if fitting > limit or len(scanned) >= SCAN:
            return scanned, False
        filters = msgspec.structs.replace(filters, after=(float(rows[-1][0]), str(rows[-1][1])))


def _source(filters: ListFilter) -> _Source:
    """Return the index to read: sets that the number of operators bounds first, then labels, then channels."""
    if filters.handler == "queue":
        return _Source("desk_conversations AS c", ["c.handler = 'queue'"], "waiting_since", is_ascending=True)
    if filters.operator is not None:
        return _Source("desk_conversations AS c", ["c.operator_id = {operator}"], "updated")
    if filters.handler == "human":
        return _Source("desk_conversations AS c", ["c.handler = 'human'"], "updated")
    if filters.label is not None:
        table = "desk_labels AS l JOIN desk_conversations AS c ON c.sender_id = l.sender_id"
        conditions = ["l.label = {label}"] + (["l.channel = {channel}"] if filters.channel is not None else [])
        return _Source(table, conditions, "updated")
    if filters.channel is not None:
        return _Source("desk_conversations AS c", ["c.channel = {channel}"], "updated")
    if filters.handler is not None:
        return _Source("desk_conversations AS c", ["c.handler = 'bot'"], "updated")
    return _Source("desk_conversations AS c", [], "updated")


def _scan(filters: ListFilter, limit: int) -> tuple[str, tuple[Any, ...]]:
    source = _source(filters)
    sorted_table = "l" if source.table.startswith("desk_labels") else "c"
    values: list[Any] = []

    def parameter(value: Any) -> str:
        values.append(value)
        return f"${len(values)}"

    used = {"operator": filters.operator, "label": filters.label, "channel": filters.channel}
    conditions = [] if sorted_table == "l" else ["c.gone = 0"]
    for condition in source.conditions:
        name = condition.partition("{")[2].removesuffix("}")
        conditions.append(condition.format(**{name: parameter(used[name])}) if name else condition)
    key = f"{sorted_table}.{source.key}"
    if source.key == "updated":
        conditions += [f"{key} >= {parameter(filters.since)}"] if filters.since is not None else []
        conditions += [f"{key} < {parameter(filters.until)}"] if filters.until is not None else []
    if filters.after is not None:
        compared = ">" if source.is_ascending else "<"
        pair = f"({parameter(filters.after[0])}, {parameter(filters.after[1])})"
        conditions.append(f"({key}, {sorted_table}.sender_id) {compared} {pair}")
    direction = "" if source.is_ascending else " DESC"
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    count = min(STEP, SCAN) if _has_more(filters, source) else limit + 1
    statement = (
        f"SELECT {key}, c.sender_id, c.handler, c.operator_id, c.channel, c.labels, c.updated "
        f"FROM {source.table}{where} "
        f"ORDER BY {key}{direction}, {sorted_table}.sender_id{direction} LIMIT {parameter(count)}"
    )
    return statement, tuple(values)


def _has_more(filters: ListFilter, source: _Source) -> bool:
    """Return whether rows of the index may not fit."""
    given = [filters.handler, filters.operator, filters.label, filters.channel]
    times = [filters.since, filters.until] if source.is_ascending else []
    return sum(one is not None for one in given) > len(source.conditions) or any(one is not None for one in times)


def _fits(row: Sequence[Any], filters: ListFilter) -> bool:
    _, _, handler, operator_id, channel, labels, updated = row
    return (
        filters.handler in (None, handler)
        and filters.operator in (None, operator_id)
        and filters.channel in (None, channel)
        and (filters.label is None or f"\n{filters.label}\n" in labels)
        and (filters.since is None or updated >= filters.since)
        and (filters.until is None or updated < filters.until)
    )


def _searched(filters: ListFilter, q: str, dialect: Dialect) -> Operation[list[Sequence[Any]]]:
    """Return the conversations of the newest messages that a search finds, in the order of the list."""
    query = dialect.query(q)
    if query is None:
        return []
    key = "waiting_since" if filters.handler == "queue" else "updated"
    found = yield (
        (
            f"SELECT c.{key}, c.sender_id, c.handler, c.operator_id, c.channel, c.labels, c.updated "
            "FROM desk_conversations AS c WHERE c.gone = 0 AND c.sender_id IN "
            f"(SELECT t.sender_id FROM desk_texts AS t WHERE t.id IN ({dialect.hits}))"
        ),
        (query, MAX_ID, SEARCHED),
    )
    is_queue = filters.handler == "queue"
    ordered = sorted(found, key=lambda row: (row[0], row[1]), reverse=not is_queue)
    after = filters.after
    if after is None:
        return ordered
    return [row for row in ordered if ((row[0], row[1]) > after if is_queue else (row[0], row[1]) < after)]


def mark_read(member_id: str, sender_id: str, users: int) -> Operation[None]:
    """See `DeskStore.mark_read`."""
    yield (
        (
            "INSERT INTO desk_reads (member_id, sender_id, users) VALUES ($1, $2, $3) "
            "ON CONFLICT (member_id, sender_id) DO UPDATE SET users = excluded.users"
        ),
        (member_id, sender_id, users),
    )


def labels_column(labels: Collection[str]) -> str:
    """Return the value of the column `labels`, in which each label is between line breaks."""
    return "".join(f"\n{label}\n" for label in labels)


def _json(names: Collection[str]) -> str:
    return msgspec.json.encode(list(names)).decode()
