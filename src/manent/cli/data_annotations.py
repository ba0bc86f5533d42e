"""`manent data annotations`: write the messages that reviewers corrected at the desk as NLU data."""

from pathlib import Path
from typing import Annotated

import typer

from manent.cli.desk_store import with_desk
from manent.cli.shared_options import Endpoints
from manent.core.errors import StoreError


def write_annotations(
    *,
    out: Annotated[
        Path,
        typer.Option("-o", "--out", metavar="FILE", help="New file for the NLU data."),
    ] = Path("data/reviewed.yml"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    endpoints: Endpoints = None,
) -> None:
    """Write the messages that reviewers confirmed or corrected at the desk as NLU data for the next training.

    Other files of the project are not changed.
    """
    from manent.desk.stories import annotations_yaml

    if out.exists() and not force:
        raise StoreError("file_exists", f"{out} exists: choose another file with -o, or overwrite it with --force")
    annotations = with_desk(endpoints, lambda desk: desk.annotations())
    kept = [one for one in annotations if one.intent is not None]
    if not kept:
        print("No message was confirmed or corrected at the desk yet; nothing was written.")
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(annotations_yaml(kept), encoding="utf-8")
    print(f"Wrote {len(kept)} messages to {out}.")
