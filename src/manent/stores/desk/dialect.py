"""What differs between the databases in the statements of the desk."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from manent.stores.desk.words import fts5_query, tsquery
from manent.stores.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """The statements of one database.

    Attributes:
        among: subquery with the texts in the JSON list of a parameter.
        lock: takes the right to write to the feed until the end of the transaction. None: one writer at a time anyway.
        query: converts words to the query of `hits`.
        hits: ids of matching messages: `$1` is the query, `$2` the id above all of them, `$3` their maximum number.
        prepare: statements that create the search index.
    """

    among: Callable[[str], str]
    lock: str | None
    query: Callable[[str], str | None]
    hits: str
    prepare: tuple[str, ...] = ()


SQLITE: Final = Dialect(
    among=lambda parameter: f"(SELECT value FROM json_each({parameter}))",
    lock=None,
    query=fts5_query,
    hits="SELECT rowid FROM desk_search WHERE desk_search MATCH $1 AND rowid < $2 ORDER BY rowid DESC LIMIT $3",
    prepare=(
        (
            "CREATE VIRTUAL TABLE IF NOT EXISTS desk_search USING fts5("
            "words, content='desk_texts', content_rowid='id', tokenize='unicode61 remove_diacritics 0')"
        ),
        (
            "CREATE TRIGGER IF NOT EXISTS desk_texts_added AFTER INSERT ON desk_texts BEGIN "
            "INSERT INTO desk_search (rowid, words) VALUES (new.id, new.words); END"
        ),
        (
            "CREATE TRIGGER IF NOT EXISTS desk_texts_removed AFTER DELETE ON desk_texts BEGIN "
            "INSERT INTO desk_search (desk_search, rowid, words) VALUES ('delete', old.id, old.words); END"
        ),
    ),
)

POSTGRESQL: Final = Dialect(
    among=lambda parameter: f"(SELECT jsonb_array_elements_text({parameter}::jsonb))",
    lock="SELECT pg_advisory_xact_lock(hashtext(current_schema() || '.desk'))",
    query=tsquery,
    hits=(
        "SELECT id FROM desk_texts WHERE lexemes @@ CAST(CAST($1 AS text) AS tsquery) AND id < $2 "
        "ORDER BY id DESC LIMIT $3"
    ),
)


def locked(dialect: Dialect) -> Operation[None]:
    """Take the right to write to the feed, so that its rows become visible in the order of their numbers."""
    if dialect.lock is not None:
        yield (dialect.lock, ())


def prepare(dialect: Dialect) -> Operation[None]:
    """Create the search index if it does not exist."""
    for statement in dialect.prepare:
        yield (statement, ())
