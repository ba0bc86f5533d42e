"""Reads the numbered SQL files that create the tables. There is one folder per database and one file per step.

A new database needs all steps, and an older database needs the steps that it lacks. The stores apply these steps in one
transaction (`sqlite/upgrade.py`, `postgresql/schema.py`). Never change a released file. For a new step, add a file with
the same number to both folders.

If a step is additive, its file begins with the line `-- Additive.`. Servers of the previous schema can then use the
tables while and after the step is applied. Such a step only creates tables and indexes, and adds columns that can be
NULL or have a default. A store records two numbers: the last step that was applied, in `schema_revision`, and the
last step that is not additive, in `alembic_version` (`docs/decisions/142-additive-schema-steps.md`).
"""

from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from manent.core.errors import StoreError

Database = Literal["sqlite", "postgresql"]

ADDITIVE = "-- Additive."
"""First line of a step after which servers of the previous schema can still use the store."""


class Step(NamedTuple):
    """A SQL file, its four-digit number, and whether servers of the previous schema can use the store after it."""

    revision: str
    file: Path
    is_additive: bool = False


class Recorded(NamedTuple):
    """The schema that a store records.

    Attributes:
        revision: number of the last step that was applied.
        readable_by: number of the oldest schema whose servers can use the store.
    """

    revision: str
    readable_by: str


@cache
def steps(database: Database) -> tuple[Step, ...]:
    """Return all steps, oldest first."""
    return tuple(read_step(file) for file in sorted((Path(__file__).parent / database).glob("[0-9]*.sql")))


def read_step(file: Path) -> Step:
    """Return the step of a SQL file."""
    return Step(file.name[:4], file, file.read_text().partition("\n")[0] == ADDITIVE)


def newest_revision(database: Database) -> str:
    """Return the revision that this version of Manent requires."""
    return steps(database)[-1].revision


def newest_schema(database: Database) -> Recorded:
    """Return what a store records after all steps."""
    readable_by = next(step.revision for step in reversed(steps(database)) if not step.is_additive)
    return Recorded(newest_revision(database), readable_by)


def check_schema(found: Recorded, database: Database, *, where: str) -> None:
    """Check that this version of Manent can use a store. `where` names the store in the error.

    Raises:
        StoreError: `store_schema_old`, `store_schema_new`.
    """
    newest = newest_revision(database)
    if found.revision < newest:
        raise StoreError(
            "store_schema_old",
            f"{where} has schema {found.revision}, but this version of Manent needs {newest}; run `manent db upgrade`",
        )
    _check_readable(found, newest, where=where)


def _check_readable(found: Recorded, newest: str, *, where: str) -> None:
    if found.readable_by > newest:
        raise StoreError(
            "store_schema_new",
            f"{where} has schema {found.revision}, which needs a version of Manent with schema {found.readable_by} or "
            f"newer; this version has schema {newest}: install a newer version",
        )


def missing_steps(
    found: Recorded | None, database: Database, *, where: str, additive_only: bool = False
) -> tuple[Step, ...]:
    """Return the steps that a store lacks.

    Args:
        found: what the store records. None: the store is new.
        database: the kind of store.
        where: names the store in errors.
        additive_only: whether servers of the previous schema must be able to use the store after the steps.

    Raises:
        StoreError: `store_schema_new`: this version cannot use the store. `store_schema_stop`: with `additive_only`, a
            step is not additive.
    """
    every = steps(database)
    if found is None:
        return every
    _check_readable(found, every[-1].revision, where=where)
    missing = tuple(step for step in every if step.revision > found.revision)
    if additive_only and (step := next((step for step in missing if not step.is_additive), None)):
        raise StoreError(
            "store_schema_stop",
            f"{where} has schema {found.revision}, and servers that use it cannot continue after step {step.revision}. "
            "Nothing was changed; stop all servers, and then run `manent db upgrade` without --rolling",
        )
    return missing
