"""What can go wrong, and whose fault it is.

The class of an error names the culprit: the project's files, the request, the custom action, the store, the event
broker, or ourselves. Every error has a stable `code`, so that a client or a log search can rely on it while the
sentence may change. This module only defines them; who catches one decides what to do.
"""

from dataclasses import dataclass


class ManentError(Exception):
    """Any error that Manent raises on purpose.

    Attributes:
        code: a stable, machine-readable name (`snake_case` for requests, `part.kebab-case` for projects).
        message: one sentence for a person.
        status: the HTTP status that answers a request which met this error.
        retry_after: seconds after which the same request may succeed, or None when it never will.
    """

    status = 500
    retry_after: float | None = None

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake in a project's files: where it is, what stands there, and what should.

    Attributes:
        file: path as the user would type it (relative to the project), or `""` when no file is to blame.
        line: 1-based line, or 0 when unknown.
        path: where inside the document, for example `slots.party_size.type`.
        code: stable name, for example `slot.unknown-type`.
        found: what stands there, for example `"integer"`.
        expected: what was expected, for example `one of: any, bool, …`.
        suggestion: what to do, for example `Did you mean "float"?`; `""` when there is none.
        warning: true when training may go on all the same.
    """

    file: str
    line: int
    path: str
    code: str
    found: str
    expected: str
    suggestion: str = ""
    warning: bool = False

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        place = f"{where}  {self.path}" if self.path else where
        text = f"{place}  [{self.code}]\n  found {self.found}; expected {self.expected}"
        return f"{text}\n  {self.suggestion}" if self.suggestion else text


class ProjectError(ManentError):
    """The project's files cannot be trained or run as they are: all their problems at once."""

    status = 400

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("project_error", "\n".join(str(problem) for problem in problems))
        self.problems = problems


class RequestError(ManentError):
    """A client asked for something that cannot be served; the request was not carried out."""

    def __init__(self, code: str, message: str, *, status: int = 400, retry_after: float | None = None) -> None:
        super().__init__(code, message)
        self.status = status
        self.retry_after = retry_after


class ActionError(ManentError):
    """A custom action could not be run: unreachable, timed out, unknown, failed, or answered garbage."""

    status = 502


class StoreError(ManentError):
    """The conversation store could not do what it was asked (disk full, locked, unreachable).

    Nothing was written. Such faults pass, or somebody sees to them, so the same request may be made again.
    """

    status = 503
    retry_after = 2.0


class BrokerError(ManentError):
    """The event broker could not take what it was given (unreachable, refused, disk full); it is given again later."""

    status = 503


class ModelError(ManentError):
    """A model file is missing, damaged, or from an incompatible version."""

    status = 400


class InternalError(ManentError):
    """A fault of ours."""
