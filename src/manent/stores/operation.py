"""Operations on the tables of all SQL stores.

Each operation is a generator: it yields SQL statements and receives their rows. So one implementation serves the
synchronous driver of SQLite and the asynchronous one of PostgreSQL. Parameters are written `$1`, `$2`…, which both
databases accept. A store runs an operation in one transaction (`OperationStore`).
"""

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard, TypeVar

if TYPE_CHECKING:
    import sqlite3

    from manent.stores.schema.steps import Database

T = TypeVar("T")

Rows = Sequence[Sequence[Any]]
Operation = Generator[tuple[str, tuple[Any, ...]], Rows, T]


class OperationStore(Protocol):
    """A store that runs operations.

    Attributes:
        database: the database whose SQL the operations must use.
    """

    database: "Database"

    async def run_operation(self, operation: Operation[T], *, is_read: bool = False, is_alone: bool = False) -> T:
        """Run an operation in a transaction.

        Args:
            operation: yields statements.
            is_read: whether it only reads.
            is_alone: whether no other operation with `is_alone` may run at the same time on any server.
        """


def runs_operations(store: Any) -> TypeGuard[OperationStore]:
    """Return whether a store runs operations. Stores of other packages do not."""
    return getattr(store, "database", None) in ("sqlite", "postgresql")


def run_on_sqlite(cursor: "sqlite3.Cursor", operation: Operation[T]) -> T:
    """Run an operation inside the transaction of a cursor."""
    try:
        statement, values = next(operation)
        while True:
            named = {str(number): value for number, value in enumerate(values, 1)}
            statement, values = operation.send(cursor.execute(statement, named).fetchall())
    except StopIteration as finished:
        result: T = finished.value
        return result
