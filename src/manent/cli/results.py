"""Writes reports, lists and pictures to the `results/` folder, and prints summary tables."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

Results = Annotated[Path, typer.Option("--out", metavar="DIR", help="Output folder.")]
NoErrors = Annotated[bool, typer.Option("--no-errors", help="Do not list the errors.")]
NoPlots = Annotated[bool, typer.Option("--no-plot", help="Do not draw pictures.")]
Successes = Annotated[bool, typer.Option("--successes", help="Also list the correct results.")]

RESULTS = Path("results")


def write_report(out: Path, name: str, report: Any) -> None:
    """Write a report as indented JSON."""
    _write(out, name, msgspec.json.format(msgspec.json.encode(report), indent=2))


def write_text(out: Path, name: str, text: str) -> None:
    """Write a text."""
    _write(out, name, text.encode())


def write_picture(out: Path, name: str, picture: bytes) -> None:
    """Write a picture."""
    _write(out, name, picture)


def _write(out: Path, name: str, content: bytes) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / name).write_bytes(content)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table. The first column is aligned to the left, and the others to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left", no_wrap=index > 0, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(highlight=False).print(table)


def percent(share: float) -> str:
    """Return a share (0 to 1) as a percentage."""
    return f"{share:.1%}"
