"""Starts tracing as configured in `endpoints.yml`. Imports OpenTelemetry only then."""

from typing import TYPE_CHECKING

from manent.core.errors import Problem, ProjectError
from manent.core.events import Json
from manent.extensions.options import convert
from manent.tracing.options import TracingOptions

if TYPE_CHECKING:
    from manent.tracing.spans import TracedSpans


def open_tracing(section: Json | None, *, server: str) -> "TracedSpans | None":
    """Return the spans. None: the section `tracing` is missing, and messages are not traced.

    Args:
        section: the options, which have been checked.
        server: name of this server process.

    Raises:
        ProjectError: a package of the extra `tracing` is not installed, or the certificates cannot be read.
    """
    if not section:
        return None
    options, _ = convert(TracingOptions, section)
    if options is None:
        raise ProjectError([_problem("tracing", "wrong options", "the options of tracing", "")])
    try:
        from manent.tracing.spans import TracedSpans

        return TracedSpans(options, server=server)
    except ImportError as error:
        raise ProjectError([_problem("tracing", str(error), "the packages for tracing", _INSTALL)]) from error
    except OSError as error:
        expected = "a file with certificates in PEM format"
        raise ProjectError([_problem("tracing.root_certificates", str(error), expected, "")]) from error


_INSTALL = "pip install 'manent[tracing]'"


def _problem(path: str, found: str, expected: str, suggestion: str) -> Problem:
    return Problem(
        file="endpoints.yml",
        line=0,
        path=path,
        code="endpoints.tracing",
        found=found,
        expected=expected,
        suggestion=suggestion,
    )
