"""`manent data migrate`: convert a project from format 1.x or 2.0 to 3.1."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from manent.cli.shared_options import Config, Data, Domain

Target = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Folder for the new files. Default: change the files in place."),
]


def data_migrate(*, domain: Domain = None, data: Data = None, config: Config = None, out: Target = None) -> None:
    """Convert a project from format 1.x or 2.0 to 3.1, and keep the comments of its YAML files.

    Migration is optional, because Manent trains and runs all formats. Without --out, the old files are moved to
    before_migration/.
    """
    from manent.authoring.migration import BACKUP_FOLDER, plan_migration, write_migration

    root = Path()
    migration = plan_migration(root, domain=domain, data=data, config=config)
    if not migration.files:
        print("Nothing to migrate: no file is in format 1.x or 2.0.")
        return
    for path in write_migration(migration, root, out=out):
        print(f"Wrote {path}")
    for old in migration.removed if out is None else ():
        print(f"Moved {old} to {BACKUP_FOLDER}/")
    for note in migration.notes:
        print(f"Note: {note}", file=sys.stderr)
