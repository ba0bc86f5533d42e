"""Reads the numbered SQL files that create the tables. There is one folder per database and one file per step.

A store records the number of the last file that was applied to it. A new database needs all steps, and an older
database needs the steps that it lacks. The stores apply these steps in one transaction (`sqlite/upgrade.py`,
`postgresql/schema.py`). Never change a released file. For a new step, add a file with the same number to both folders.
"""

from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from manent.core.errors import StoreError

Database = Literal["sqlite", "postgresql"]


class Step(NamedTuple):
    """A SQL file and its four-digit number."""

    revision: str
    file: Path


@cache
def steps(database: Database) -> tuple[Step, ...]:
    """Return all steps, oldest first."""
    return tuple(Step(file.name[:4], file) for file in sorted((Path(__file__).parent / database).glob("[0-9]*.sql")))


def newest_revision(database: Database) -> str:
    """Return the revision that this version of Manent requires."""
    return steps(database)[-1].revision


def check_revision(revision: str, database: Database, *, where: str) -> None:
    """Check that a store has the newest revision. `where` names the store in the error.

    Raises:
        StoreError: `store_schema_old`, `store_schema_new`.
    """
    newest = newest_revision(database)
    if revision < newest:
        raise StoreError(
            "store_schema_old",
            f"{where} has schema {revision}, but this version of Manent needs {newest}; run `manent db upgrade`",
        )
    if revision > newest:
        raise StoreError(
            "store_schema_new",
            f"{where} has schema {revision}, but this version of Manent supports only up to {newest}; install a "
            "newer version",
        )


def missing_steps(revision: str | None, database: Database, *, where: str) -> tuple[Step, ...]:
    """Return the steps that a store lacks. `revision` is None for a new store.

    Raises:
        StoreError: `store_schema_new`: the store's revision is unknown to this version.
    """
    found = steps(database)
    if revision is None:
        return found
    if revision not in {step.revision for step in found}:
        raise StoreError(
            "store_schema_new",
            f"{where} has the unknown schema {revision}; use the version of Manent that created it",
        )
    return tuple(step for step in found if step.revision > revision)
