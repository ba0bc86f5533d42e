"""The errors of Manent. An error's class names the part that failed.

Every error has a stable `code` for clients and log searches; the message can change between versions.
"""

from dataclasses import dataclass


class ManentError(Exception):
    """Base class of all errors that Manent raises on purpose.

    Attributes:
        code: stable, machine-readable name (`snake_case` for requests, `part.kebab-case` for projects).
        message: one sentence for people.
        status: HTTP status of the response if a request fails with this error.
        retry_after: seconds after which the same request may succeed. None if a retry does not help.
    """

    status = 500
    retry_after: float | None = None

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A mistake in a project's files, with its place, the wrong value, and the expected value.

    Attributes:
        file: path as the user would type it (relative to the project). `""` if no file is involved.
        line: 1-based line, or 0 when unknown.
        path: position in the document, for example `slots.party_size.type`.
        code: stable name of the kind of mistake, for example `slot.unknown-type`.
        found: the wrong text or value, for example `"integer"`.
        expected: what was expected, for example `one of: any, bool, …`.
        suggestion: what to do, for example `Did you mean "float"?`. `""`: no suggestion.
        warning: whether training can continue.
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
    """The project cannot be trained or run, because its files have mistakes.

    The error contains all problems that were found.
    """

    status = 400

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("project_error", "\n".join(str(problem) for problem in problems))
        self.problems = problems


class RequestError(ManentError):
    """A client's request cannot be served. The request changed nothing."""

    def __init__(self, code: str, message: str, *, status: int = 400, retry_after: float | None = None) -> None:
        super().__init__(code, message)
        self.status = status
        self.retry_after = retry_after


class ActionError(ManentError):
    """A custom action is unknown or unreachable, timed out, raised an error, or returned an invalid response."""

    status = 502


class StoreError(ManentError):
    """The conversation store is unreachable, locked, or has a full disk.

    Nothing was written. Such failures are usually temporary, so clients can retry the same request.
    """

    status = 503
    retry_after = 2.0


class BrokerError(ManentError):
    """The event broker is unreachable, rejected events, or has a full disk. The events are published again later."""

    status = 503


class ModelError(ManentError):
    """A model file is missing, damaged, or was written by an incompatible version."""

    status = 400


class InternalError(ManentError):
    """An error in Manent itself."""
