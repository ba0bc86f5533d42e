"""Opens a span for each HTTP request that may contain a message: webhooks, and the session protocol over HTTP."""

from typing import Any

from manent.tracing.spans import TracedSpans

_TRACED = ("/webhooks/", "/sessions/")
_MAX_SEGMENTS = 3


class TracedRequests:
    """ASGI middleware that opens the spans. A span continues the trace named in the request's `traceparent` header."""

    def __init__(self, app: Any, spans: TracedSpans) -> None:
        self.app = app
        self.spans = spans

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request."""
        if scope["type"] != "http" or not scope["path"].startswith(_TRACED):
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        # Later parts of a path can be secrets or ids, which must not appear in a trace.
        path = "/".join(scope["path"].split("/")[:_MAX_SEGMENTS])
        with self.spans.request(f"{scope['method']} {path}", headers) as span:

            async def sending(message: Any) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                await send(message)

            await self.app(scope, receive, sending)
