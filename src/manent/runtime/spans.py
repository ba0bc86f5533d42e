"""The interface for tracing: opens spans, and provides the headers that continue a trace on another server.

By default, messages are not traced. `manent.tracing` implements `Spans` with OpenTelemetry if `endpoints.yml` has
`tracing:`.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Protocol

trace_headers: ContextVar[Mapping[str, str]] = ContextVar("trace_headers", default=MappingProxyType({}))
"""Headers of requests that belong to the current span: `traceparent` of W3C Trace Context. Empty without tracing."""


class Spans(Protocol):
    """Opens spans. A span ends with its context, and is the parent of all spans that are opened inside this context.

    An error that leaves the context marks the span as failed. Spans do not contain texts or conversation ids, because
    in `open` mode, an id gives access to the conversation.
    """

    def current(self) -> Any:
        """Return the current span, to be passed to `message` in another task. None: there is none."""

    def message(self, parent: Any, *, message_id: str, channel: str | None) -> AbstractContextManager[None]:
        """Open the span of one message from the start of its turn to its end."""

    def step(self, name: str) -> AbstractContextManager[None]:
        """Open the span of a step of the turn."""

    def call(self, kind: str, name: str) -> AbstractContextManager[None]:
        """Open the span of a call to another server. Inside its context, `trace_headers` contain the span's id.

        Args:
            kind: `action`, `response`, or `send` for a bot message to a messenger platform.
            name: name of the action, the response or the channel.
        """

    def traceparent(self) -> str | None:
        """Return the `traceparent` of the current span, to be stored for `continued`. None: there is no span."""

    def continued(self, traceparent: str | None) -> AbstractContextManager[None]:
        """Make the span with this `traceparent` the parent of all spans that are opened inside this context.

        The span can be from another task or another server. None changes nothing.
        """


class NoSpans:
    """Implements `Spans` without tracing anything."""

    def current(self) -> None:
        """Return None."""

    def message(self, parent: Any, *, message_id: str, channel: str | None) -> AbstractContextManager[None]:  # noqa: ARG002
        """Return a context that does nothing."""
        return _NOTHING

    def step(self, name: str) -> AbstractContextManager[None]:  # noqa: ARG002
        """Return a context that does nothing."""
        return _NOTHING

    def call(self, kind: str, name: str) -> AbstractContextManager[None]:  # noqa: ARG002
        """Return a context that does nothing."""
        return _NOTHING

    def traceparent(self) -> None:
        """Return None."""

    def continued(self, traceparent: str | None) -> AbstractContextManager[None]:  # noqa: ARG002
        """Return a context that does nothing."""
        return _NOTHING


_NOTHING: AbstractContextManager[None] = nullcontext()
NO_SPANS = NoSpans()
