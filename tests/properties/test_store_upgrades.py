"""Law of upgrades: whatever an older store holds, its upgraded file holds the same and has a new file's schema."""

import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from manent.stores.sqlite.file import prepare_file
from manent.stores.sqlite.upgrade import upgrade_sqlite
from support.old_stores import ALEMBIC_REVISIONS, contents, shape, store_of_alembic, upgraded

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = {
    "INTEGER": st.integers(-(2**63), 2**63 - 1),
    "SMALLINT": st.integers(0, 9),
    "BIGINT": st.integers(0, 2**62),
    "BOOLEAN": st.booleans(),
    "DOUBLE": st.floats(allow_nan=False),
    "TEXT": TEXTS,
    "BLOB": st.binary(max_size=20),
}


def _columns(path: Path) -> dict[str, list[tuple[str, bool]]]:
    """Return type and nullability of the columns of each table of conversations."""
    with closing(sqlite3.connect(path)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: [(row[2].partition("(")[0], not row[3]) for row in connection.execute(f"PRAGMA table_info({name})")]
            for name in names
            if name != "alembic_version"
        }


@settings(deadline=None)
@given(revision=st.sampled_from(ALEMBIC_REVISIONS), data=st.data())
def test_an_upgrade_keeps_every_row(revision: str, data: st.DataObject) -> None:
    """Rows of any values survive, byte for byte, and the schema is that of a new file."""
    with TemporaryDirectory() as folder:
        path = store_of_alembic(Path(folder) / "old.db", revision)
        with closing(sqlite3.connect(path)) as connection:
            for table, columns in _columns(path).items():
                cells = [VALUES.get(kind, TEXTS) for kind, _ in columns]
                row = st.tuples(
                    *(st.none() | cell if empty else cell for cell, (_, empty) in zip(cells, columns, strict=True))
                )
                marks = ", ".join("?" * len(columns))
                for values in data.draw(st.lists(row, max_size=4), label=table):
                    connection.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", values)  # noqa: S608
            connection.commit()
        before = upgraded(contents(path))
        prepare_file(Path(folder) / "new.db", durability="process")
        upgrade_sqlite(path, backup=False)

        assert {name: rows for name, rows in contents(path).items() if rows} == {
            name: rows for name, rows in before.items() if rows
        }
        assert shape(path) == shape(Path(folder) / "new.db")
