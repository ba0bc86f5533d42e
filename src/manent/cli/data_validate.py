"""`manent data validate`: check a project's files without training."""

from pathlib import Path
from typing import Annotated

import typer

from manent.cli.options import Config, Data, Domain
from manent.project.reading import read_project


def data_validate(
    *,
    domain: Domain = None,
    data: Data = None,
    config: Config = None,
    fail_on_warnings: Annotated[
        bool, typer.Option("--fail-on-warnings", help="Exit with 1 for warnings, too.")
    ] = False,
) -> None:
    """Check the project's files: every mistake at once, with file, line and what was expected."""
    project = read_project(Path(), domain=domain, data=data, config=config)
    for warning in project.warnings:
        print(f"Warning: {warning}")
    intents = {example.intent for example in project.nlu.examples}
    found = f"{len(project.nlu.examples)} examples of {len(intents)} intents"
    told = f"{len(project.stories.stories)} stories, {len(project.stories.rules)} rules"
    print(f"No mistakes, {len(project.warnings)} warnings: {found}, {told}.")
    if fail_on_warnings and project.warnings:
        raise typer.Exit(1)
