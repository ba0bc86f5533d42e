"""Adds lines to problems that are found after `credentials.yml` and `endpoints.yml` have been read.

Some mistakes are found only when a part is created, for example a key file that cannot be read, or a channel's class
that raises an error. The code that creates the part knows the key, but neither the path of the file nor the line. The
server and the commands create parts inside `located`.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from manent.core.errors import Problem, ProjectError
from manent.project.problems import Report, Spot
from manent.project.yaml.documents import Broken, read_document


@contextlib.contextmanager
def located(*, credentials: Path | None = None, endpoints: Path | None = None) -> Iterator[None]:
    """Add the path of the file, and the line of the key, to the problems of each ProjectError that the block raises.

    Args:
        credentials: the file that was read as `credentials.yml`. None: there is no such file.
        endpoints: the file that was read as `endpoints.yml`.

    Raises:
        ProjectError: the same problems, with lines.
    """
    files = {"credentials.yml": credentials, "endpoints.yml": endpoints}
    try:
        yield
    except ProjectError as error:
        found = [_located(problem, files.get(problem.file)) for problem in error.problems]
        if found == error.problems:
            raise
        raise ProjectError(found) from error


def _located(problem: Problem, path: Path | None) -> Problem:
    """Return the problem with the line of its key, or of the innermost section that exists."""
    if path is None or problem.line or not path.exists():
        return problem
    report = Report(Path())
    file = report.name_of(path)
    try:
        document = read_document(path, report)
    except Broken:  # the file has been changed since it was read
        return replace(problem, file=file)
    return replace(problem, file=file, line=_line(Spot(document, file, 0, "", report), problem.path))


def _line(spot: Spot, path: str) -> int:
    """Return the line of a key. A key can contain dots, for example the path of a class."""
    for name, inner in sorted(spot.entries(), key=lambda entry: -len(entry[0])) if isinstance(spot.value, dict) else ():
        if path == name:
            return inner.line
        if path.startswith(f"{name}."):
            return _line(inner, path.removeprefix(f"{name}."))
    return spot.line
