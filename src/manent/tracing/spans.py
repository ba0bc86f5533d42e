"""Implements the runtime's `Spans` with OpenTelemetry, and sends the spans to a collector in the background.

`server/app.py` opens it. No function in this module waits for the collector. Finished spans wait in a queue, and are
dropped if the collector is unavailable for too long. OpenTelemetry logs this.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from opentelemetry import context, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from manent import __version__
from manent.core.errors import ManentError
from manent.runtime.spans import trace_headers
from manent.tracing.options import OTLP_PORT, TracingOptions

_PROPAGATOR = TraceContextTextMapPropagator()


class TracedSpans:
    """Implements `Spans`.

    Args:
        options: the section `tracing`.
        server: name of this server process.
        exporter: receives the spans. None selects the collector that the options name.
    """

    def __init__(self, options: TracingOptions, *, server: str, exporter: SpanExporter | None = None) -> None:
        resource = Resource.create(
            {
                "service.name": options.service_name,
                "service.version": __version__,
                "service.instance.id": server,
            }
        )
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        exporter = exporter or _open_exporter(options)
        is_immediate = bool(options.sync_export)
        self._provider.add_span_processor(
            SimpleSpanProcessor(exporter) if is_immediate else BatchSpanProcessor(exporter)
        )
        self._tracer = self._provider.get_tracer("manent", __version__)

    def current(self) -> Any:
        """Return the context of the current span. None: there is no span."""
        return context.get_current() if trace.get_current_span().get_span_context().is_valid else None

    @contextmanager
    def request(self, name: str, headers: Mapping[str, str]) -> Iterator[Span]:
        """Open the span of an HTTP request. The span continues the trace that the request's `traceparent` names."""
        with self._open(name, SpanKind.SERVER, parent=_PROPAGATOR.extract(headers)) as span:
            yield span

    @contextmanager
    def message(self, parent: Any, *, message_id: str, channel: str | None) -> Iterator[None]:
        """Open the span of a message. Without a parent, it begins a trace."""
        attributes = {"manent.message_id": message_id, "manent.channel": channel or ""}
        with self._open("message", SpanKind.CONSUMER, parent=parent or context.Context(), attributes=attributes):
            yield

    def step(self, name: str) -> AbstractContextManager[None]:
        """Open the span of a step."""
        return self._open(name, SpanKind.INTERNAL)

    @contextmanager
    def call(self, kind: str, name: str) -> Iterator[None]:
        """Open the span of a call, and provide its headers."""
        with self._open(f"{kind} {name}", SpanKind.CLIENT, attributes={f"manent.{kind}": name}):
            headers: dict[str, str] = {}
            _PROPAGATOR.inject(headers)
            token = trace_headers.set(headers)
            try:
                yield
            finally:
                trace_headers.reset(token)

    def traceparent(self) -> str | None:
        """Return the `traceparent` of the current span."""
        headers: dict[str, str] = {}
        _PROPAGATOR.inject(headers)
        return headers.get("traceparent")

    @contextmanager
    def continued(self, traceparent: str | None) -> Iterator[None]:
        """Make a span of another task or server the current span."""
        if traceparent is None:
            yield
            return
        token = context.attach(_PROPAGATOR.extract({"traceparent": traceparent}, context=context.Context()))
        try:
            yield
        finally:
            context.detach(token)

    async def close(self) -> None:
        """Send the waiting spans, and stop. If the collector does not answer, this takes some seconds."""
        await asyncio.to_thread(self._provider.shutdown)

    @contextmanager
    def _open(
        self, name: str, kind: SpanKind, *, parent: Any = None, attributes: Mapping[str, str] | None = None
    ) -> Iterator[Any]:
        span = self._tracer.start_span(name, context=parent, kind=kind, attributes=attributes)
        token = context.attach(trace.set_span_in_context(span, parent))
        try:
            yield span
        except Exception as error:
            # An error's text can contain a visitor's text. The log has it.
            code = error.code if isinstance(error, ManentError) else type(error).__name__
            span.set_attribute("error.type", code)
            span.set_status(Status(StatusCode.ERROR))
            raise
        finally:
            context.detach(token)
            span.end()


def _open_exporter(options: TracingOptions) -> SpanExporter:
    """Return the exporter: OTLP over HTTP for a URL, or OTLP over gRPC otherwise."""
    endpoint, insecure = options.endpoint or "", options.insecure
    if options.type == "jaeger":
        endpoint, insecure = f"{options.host}:{OTLP_PORT}", True
    if "://" in endpoint:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter

        has_path = bool(endpoint.partition("://")[2].partition("/")[2])
        url = endpoint if has_path else endpoint.rstrip("/") + "/v1/traces"
        return HttpExporter(endpoint=url, certificate_file=options.root_certificates)
    from grpc import ssl_channel_credentials
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter

    credentials = None
    if not insecure:
        roots = None
        if options.root_certificates:
            with open(options.root_certificates, "rb") as file:  # noqa: PTH123
                roots = file.read()
        credentials = ssl_channel_credentials(root_certificates=roots)
    return GrpcExporter(endpoint=endpoint, insecure=insecure, credentials=credentials)
