"""The numbered SQL files: in order, the same for both databases, and equal to what Alembic made."""

import re
from pathlib import Path

import pytest

from manent.stores.schema.steps import Database, newest_schema, steps
from support.old_stores import ALEMBIC, ALEMBIC_REVISIONS

DATABASES: tuple[Database, ...] = ("sqlite", "postgresql")


def _columns(script: str) -> dict[str, list[str]]:
    """Return the names of the columns of each table, without those for the search, which differ."""
    found = re.findall(r"CREATE TABLE (\w+) \((.*?)\n\)", script, re.DOTALL)
    return {table: re.findall(r"^    ([a-z_]+) (?!TSVECTOR)", body, re.MULTILINE) for table, body in found}


def _statements(script: str) -> list[str]:
    """Return the statements of a script but those about its version, without comments, in one spelling."""
    script = re.sub(r"^--.*$", "", script, flags=re.MULTILINE)
    plain = [re.sub(r"\s+", " ", one).strip() for one in script.split(";")]
    return [one for one in plain if one and not re.match(r"BEGIN|COMMIT|INSERT|UPDATE", one)]


def test_numbers_have_no_gap() -> None:
    """Steps are numbered 0001, 0002, … and have the same numbers and names for both databases."""
    sqlite, postgresql = ([step.file.name for step in steps(database)] for database in DATABASES)

    assert [step.revision for step in steps("sqlite")] == [f"{n:04}" for n in range(1, len(sqlite) + 1)]
    assert sqlite == postgresql


def test_databases_have_the_same_columns() -> None:
    """Both databases have the same tables with the same columns in the same order."""
    sqlite, postgresql = ("".join(step.file.read_text() for step in steps(database)) for database in DATABASES)

    assert {"conversations", "events", "files", "desk_members"} <= _columns(sqlite).keys()
    assert _columns(sqlite) == _columns(postgresql)


@pytest.mark.parametrize("database", DATABASES)
def test_additive_steps_only_add(database: Database) -> None:
    """An additive step creates tables, indexes, and columns that older servers need not set."""
    column = r"ALTER TABLE \w+ ADD COLUMN (?!.*(NOT NULL(?! DEFAULT)|UNIQUE))"
    allowed = re.compile(rf"CREATE (VIRTUAL )?TABLE |CREATE INDEX |{column}")
    found = [step for step in steps(database) if step.is_additive]

    assert found
    for step in found:
        for statement in _statements(step.file.read_text()):
            assert allowed.match(statement), f"{step.file.name}: {statement}"


def test_both_databases_are_readable_by_the_same_versions() -> None:
    """The same steps are additive for both databases."""
    assert newest_schema("sqlite") == newest_schema("postgresql")


@pytest.mark.parametrize("revision", ALEMBIC_REVISIONS)
def test_postgresql_steps_are_the_statements_of_alembic(revision: str) -> None:
    """A database upgraded by Alembic up to a revision has run the same statements as one made by our files."""
    ours = [step.file.read_text() for step in steps("postgresql") if step.revision <= revision]
    theirs = (ALEMBIC / "postgresql" / f"{revision}.sql").read_text()

    assert _statements("".join(ours)) == _statements(theirs)


def test_steps_are_in_the_package() -> None:
    """The files are beside the code, where a wheel has them."""
    import manent

    package = Path(manent.__file__).parent
    assert all(step.file.is_relative_to(package) for database in DATABASES for step in steps(database))
