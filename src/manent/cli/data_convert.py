"""`manent data convert nlu`: convert NLU data to YAML or to Rasa's JSON format."""

import enum
from pathlib import Path
from typing import Annotated

import typer

from manent.cli.shared_options import Data
from manent.core.errors import ManentError


class Format(enum.StrEnum):
    """The format to write."""

    YAML = "yaml"
    JSON = "json"


Target = Annotated[
    Path,
    typer.Option(
        "--out", metavar="PATH", help="Output file, or folder in which to write a file named nlu.yml or nlu.json."
    ),
]


def convert_nlu(
    *,
    data: Data = None,
    out: Target = Path("converted_data"),
    format: Annotated[Format, typer.Option("-f", "--format", help="Format of the output.")] = Format.YAML,  # noqa: A002
) -> None:
    """Convert NLU data to one YAML or JSON file. Manent can train on both formats."""
    from manent.authoring.nlu import nlu_to_json, nlu_to_yaml
    from manent.project.reading import read_nlu

    found = read_nlu(Path(), data)
    if not found.examples:
        raise ManentError(
            "convert.no_examples", "there are no examples to convert; choose a file or folder with --data"
        )
    suffixes = {Format.YAML: (".yml", ".yaml"), Format.JSON: (".json",)}[format]
    target = out if out.suffix in suffixes else out / f"nlu{suffixes[0]}"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(nlu_to_yaml(found) if format is Format.YAML else nlu_to_json(found), encoding="utf-8")
    print(f"Wrote {len(found.examples)} examples into {target}")
