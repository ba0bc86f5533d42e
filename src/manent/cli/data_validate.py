"""`manent data validate [stories]`: check a project's files without training a model."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from manent.cli.shared_options import Config, Credentials, Data, Domain, Endpoints

if TYPE_CHECKING:
    from manent.core.errors import Problem
    from manent.project.reading import Project

FailOnWarnings = Annotated[
    bool, typer.Option("--fail-on-warnings", help="Exit with status 1 also if there are warnings.")
]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict",
        help="Report entries without effect, such as unknown names, as mistakes, although Rasa accepts them.",
    ),
]
MaxHistory = Annotated[
    int | None,
    typer.Option(
        "--max-history",
        metavar="N",
        min=1,
        help="Number of steps before the contradiction that stories must have in common. Default: all steps from the "
        "beginning.",
        show_default=False,
    ),
]


def data_validate(
    *,
    domain: Domain = None,
    data: Data = None,
    config: Config = None,
    credentials: Credentials = None,
    endpoints: Endpoints = None,
    max_history: MaxHistory = None,
    fail_on_warnings: FailOnWarnings = False,
    strict: Strict = False,
) -> None:
    """Check the project's files, and report all mistakes with file, line and the expected content.

    The check finds unknown and unused names, examples with two intents, examples that the project's fallback threshold
    rejects, contradictory rules and stories, and mistakes in the configuration of channels and servers.
    """
    from manent.project.reading import validate_project

    found = validate_project(
        Path(), domain=domain, data=data, config=config, credentials=credentials, endpoints=endpoints
    )
    problems = list(found.problems)
    # If some files have mistakes, the valid part is still checked for contradictions, so that one run reports both.
    if found.has_dialogue:
        problems += _conflicts(found.project, max_history)
    if found.is_complete:
        problems += _refused_examples(found.project)
    _report(problems, found.project if found.is_complete else None, fail_on_warnings=fail_on_warnings, strict=strict)


def data_validate_stories(
    *,
    domain: Domain = None,
    data: Data = None,
    config: Config = None,
    max_history: MaxHistory = None,
    fail_on_warnings: FailOnWarnings = False,
    strict: Strict = False,
) -> None:
    """Check only whether stories and rules contradict each other."""
    from manent.project.reading import read_project

    project = read_project(Path(), domain=domain, data=data, config=config)
    _report(_conflicts(project, max_history), project, fail_on_warnings=fail_on_warnings, strict=strict)


def _conflicts(project: "Project", max_history: int | None) -> "list[Problem]":
    from manent.dialogue.conflicts import find_conflicts

    return find_conflicts(project.config, project.domain, project.stories, max_history=max_history)


def _refused_examples(project: "Project") -> "list[Problem]":
    from manent.models.vectors import open_vectors
    from manent.nlu.own_examples import find_refused_without_model

    return find_refused_without_model(project.config, project.nlu, project.domain, vectors=open_vectors)


def _report(problems: "Sequence[Problem]", project: "Project | None", *, fail_on_warnings: bool, strict: bool) -> None:
    """Print all problems and the size of the project: first probable causes, then errors, then other warnings.

    Exit with status 1 if the project cannot be trained.
    """
    from manent.project.problems import is_cause
    from manent.project.strictness import stricter

    if strict:
        problems = stricter(problems)
    errors = [problem for problem in problems if not problem.warning]
    warnings = [problem for problem in problems if problem.warning]
    for problem in sorted(problems, key=lambda each: (not is_cause(each), each.warning)):
        print(f"Warning: {problem}" if problem.warning else problem)
    print(f"{_count(len(errors), 'mistake')}, {_count(len(warnings), 'warning')}{_contents(project)}.")
    if errors or (fail_on_warnings and warnings):
        raise typer.Exit(1)


def _contents(project: "Project | None") -> str:
    if project is None:
        return ""
    intents = {example.intent for example in project.nlu.examples}
    stories = project.stories
    return (
        f": {len(project.nlu.examples)} examples of {_count(len(intents), 'intent')}, "
        f"{_count(len(stories.stories), 'story', 'stories')}, {_count(len(stories.rules), 'rule')}"
    )


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number or 'no'} {one if number == 1 else many or f'{one}s'}"
