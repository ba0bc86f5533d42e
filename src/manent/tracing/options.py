"""The options of the section `tracing` in `endpoints.yml`. The options are the same as in Rasa."""

from typing import Literal

import msgspec

from manent.extensions.options import WrongOption

OTLP_PORT = 4317
"""Port for OTLP over gRPC. Jaeger also listens on this port."""


class TracingOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of `tracing`.

    Attributes:
        type: `otlp`: an OpenTelemetry collector. `jaeger`: Jaeger, which receives OTLP on port 4317.
        endpoint: with `otlp`, `host:port` for gRPC, or a URL that starts with http:// or https:// for OTLP over HTTP.
        service_name: the service in the traces.
        insecure: whether gRPC uses no TLS.
        root_certificates: file with the certificates to trust. By default, the system's certificates are used.
        host: with `jaeger`, the host.
        port: accepted and ignored, because current versions of Jaeger have no agent with a UDP port.
        sync_export: whether each span is sent immediately, in the event loop. For tests only.
    """

    type: Literal["otlp", "jaeger"] = "jaeger"
    endpoint: str | None = None
    service_name: str = "rasa"
    insecure: bool = False
    root_certificates: str | None = None
    host: str = "localhost"
    port: int | str | None = None
    sync_export: bool | None = None

    def __post_init__(self) -> None:
        """Check that an OTLP endpoint is given, and that its URL has a supported scheme."""
        if self.type == "jaeger":
            return
        if not self.endpoint:
            raise WrongOption("endpoint", "`host:port` of the collector, or its URL", found="no endpoint")
        scheme, separator, _ = self.endpoint.partition("://")
        if separator and scheme not in {"http", "https"}:
            raise WrongOption("endpoint", "`host:port`, or a URL that starts with http:// or https://")
