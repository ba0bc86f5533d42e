"""`manent data migrate`: write a project of format 2.0 in format 3.1."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from manent.cli.shared_options import Config, Data, Domain

Target = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="A folder for the new files; default: in place.")
]


def data_migrate(*, domain: Domain = None, data: Data = None, config: Config = None, out: Target = None) -> None:
    """Write a project of format 2.0 in format 3.1, with its comments.

    There is no need to: Manent trains and runs 2.0 as it is. In place, the old files are kept in before_migration/.
    """
    from manent.authoring.migration import plan_migration, write_migration

    root = Path()
    migration = plan_migration(root, domain=domain, data=data, config=config)
    if not migration.files:
        print("Nothing is in format 2.0.")
        return
    for path in write_migration(migration, root, out=out):
        print(f"Wrote {path}")
    for note in migration.notes:
        print(f"Note: {note}", file=sys.stderr)
