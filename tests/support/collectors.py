"""A collector that receives traces over gRPC with OpenTelemetry's own service definition, for tests."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)


@dataclass(frozen=True, kw_only=True)
class Received:
    """A span that has arrived. Ids are in hexadecimal; `parent` is "" for the first span of a trace."""

    service: str
    name: str
    trace: str
    span: str
    parent: str
    start_ms: float
    duration_ms: float


@dataclass
class Collector(TraceServiceServicer):
    """A running collector.

    Attributes:
        spans: what has arrived.
        endpoint: its host and port.
    """

    spans: list[Received] = field(default_factory=list)
    endpoint: str = ""

    def Export(  # noqa: N802  # the name in the service's definition
        self, request: ExportTraceServiceRequest, context: object
    ) -> ExportTraceServiceResponse:
        """Receive spans."""
        del context
        for resource in request.resource_spans:
            names = {each.key: each.value.string_value for each in resource.resource.attributes}
            self.spans += [
                Received(
                    service=names["service.name"],
                    name=each.name,
                    trace=each.trace_id.hex(),
                    span=each.span_id.hex(),
                    parent=each.parent_span_id.hex(),
                    start_ms=each.start_time_unix_nano / 1e6,
                    duration_ms=(each.end_time_unix_nano - each.start_time_unix_nano) / 1e6,
                )
                for scope in resource.scope_spans
                for each in scope.spans
            ]
        return ExportTraceServiceResponse()

    def edges(self) -> set[tuple[str, str]]:
        """Return service and name of each span after those of its parent: `("", "bot message")`."""
        labels = {each.span: f"{each.service} {each.name}" for each in self.spans}
        return {(labels.get(each.parent, ""), labels[each.span]) for each in self.spans}

    def drawn(self) -> str:
        """Return the spans as a tree, one in each line, with start and duration in milliseconds."""
        first = min(each.start_ms for each in self.spans)
        known = {each.span for each in self.spans}

        def lines(spans: list[Received], depth: int) -> Iterator[str]:
            for each in sorted(spans, key=lambda one: one.start_ms):
                yield f"{each.start_ms - first:8.1f} {each.duration_ms:8.1f}  {'  ' * depth}{each.service}: {each.name}"
                yield from lines([one for one in self.spans if one.parent == each.span], depth + 1)

        roots = [each for each in self.spans if each.parent not in known]
        return "\n".join(["   start duration (ms)", *lines(roots, 0)])


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector on a free port."""
    collector = Collector()
    server = grpc.server(ThreadPoolExecutor(2))
    add_TraceServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]
    collector.endpoint = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield collector
    finally:
        server.stop(None).wait()
