"""What a traced server sends: one span for each step of a message, and `traceparent` to the action server."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from manent.actions.opening import open_actions
from manent.client import ChatClient
from manent.extensions.options import convert
from manent.project.settings.endpoints import read_endpoints
from manent.runtime.spans import trace_headers
from manent.tracing import spans as spans_module
from manent.tracing.options import TracingOptions
from support.action_servers import ScriptedServer, says_bytes
from support.collectors import collecting
from support.platforms.generic import Generic
from support.ports import free_port
from support.small_talk import Actions, Running, assistant, failing, running, until

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
ENDPOINTS = "tracing:\n  type: otlp\n  endpoint: localhost:4317\n  sync_export: true\n"


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """The collector: spans of servers in this test arrive here."""
    exporter = InMemorySpanExporter()
    monkeypatch.setattr(spans_module, "_open_exporter", lambda _: exporter)
    return exporter


@asynccontextmanager
async def traced(root: Path, actions: Actions | None = None) -> AsyncIterator[Running]:
    """Run a server with tracing."""
    async with running(root, endpoints=ENDPOINTS, actions=actions) as server:
        yield server


def tree(exporter: InMemorySpanExporter) -> dict[str, str | None]:
    """Return name → name of the parent, of all spans."""
    spans = exporter.get_finished_spans()
    names = {span.context.span_id: span.name for span in spans}
    return {span.name: names.get(span.parent.span_id) if span.parent else None for span in spans}


def span(exporter: InMemorySpanExporter, name: str) -> ReadableSpan:
    """Return the span with this name."""
    return next(each for each in exporter.get_finished_spans() if each.name == name)


def attributes(exporter: InMemorySpanExporter, name: str) -> dict[str, object]:
    """Return the attributes of the span with this name."""
    return dict(span(exporter, name).attributes or {})


async def post(server: Running, text: str, **headers: str) -> None:
    """Send a message over REST."""
    async with httpx.AsyncClient(base_url=server.url) as http:
        answer = await http.post("/webhooks/rest/webhook", json={"sender": "ada", "message": text}, headers=headers)
    assert answer.status_code == 200


async def test_each_step_has_a_span(tmp_path: Path, collected: InMemorySpanExporter) -> None:
    """A message with an action: request, message, understanding, commits and action, in one trace."""
    async with traced(tmp_path) as server:
        await post(server, "work", traceparent=PARENT)

    assert tree(collected) == {
        "POST /webhooks/rest": None,
        "message": "POST /webhooks/rest",
        "understand": "message",
        "commit": "message",
        "action action_work": "message",
    }
    assert {f"{each.context.trace_id:032x}" for each in collected.get_finished_spans()} == {TRACE}
    assert attributes(collected, "message")["manent.channel"] == "rest"
    assert attributes(collected, "POST /webhooks/rest") == {"http.response.status_code": 200}
    assert span(collected, "message").resource.attributes["service.name"] == "rasa"


async def test_a_message_over_a_socket_begins_a_trace(tmp_path: Path, collected: InMemorySpanExporter) -> None:
    """Each message of a connection has a trace of its own, with the delivery to the socket."""
    async with traced(tmp_path) as server, ChatClient(server.url, session_id="ada") as chat:
        await chat.send("hello")
        await chat.wait_for(lambda messages: len(messages) == 2)
        await chat.send("hello")
        await chat.wait_for(lambda messages: len(messages) == 4)

    messages = [each for each in collected.get_finished_spans() if each.name == "message"]
    assert len({each.context.trace_id for each in messages}) == 2
    assert [each.parent for each in messages] == [None, None]
    assert tree(collected)["deliver"] == "message"


async def test_a_message_of_a_messenger_is_one_trace(tmp_path: Path, collected: InMemorySpanExporter) -> None:
    """The webhook, the turn that runs later, and each attempt to send the reply belong to the trace of the caller."""
    platform = Generic()
    platform.faults.append("busy")
    async with (
        platform.running(),
        running(tmp_path, endpoints=ENDPOINTS, credentials=platform.credentials()) as server,
    ):
        hook = platform.text("ada", "hello", "m1")
        async with httpx.AsyncClient(base_url=server.url) as http:
            answer = await http.post(
                "/webhooks/generic/webhook", content=hook.body, headers={**hook.headers, "traceparent": PARENT}
            )
        assert answer.status_code == 200
        await until(lambda: len(platform.sent) == 1)

    assert tree(collected) == {
        "POST /webhooks/generic": None,
        "message": "POST /webhooks/generic",
        "understand": "message",
        "commit": "message",
        "send generic": "message",
    }
    assert {f"{each.context.trace_id:032x}" for each in collected.get_finished_spans()} == {TRACE}
    sends = [each for each in collected.get_finished_spans() if each.name == "send generic"]
    assert [each.status.status_code is StatusCode.ERROR for each in sends] == [True, False]
    assert platform.traces == [f"00-{TRACE}-{each.context.span_id:016x}-01" for each in sends]


async def test_a_reply_to_a_callback_belongs_to_its_request(tmp_path: Path, collected: InMemorySpanExporter) -> None:
    """The server at the callback's URL receives the span of the request, in the trace of the message."""
    scripted = ScriptedServer()
    async with (
        asynccontextmanager(scripted.serve)(),
        running(tmp_path, endpoints=ENDPOINTS, credentials=f"callback:\n  url: {scripted.url}\n") as server,
        httpx.AsyncClient(base_url=server.url) as http,
    ):
        body = {"sender": "ada", "message": "hello"}
        answer = await http.post("/webhooks/callback/webhook", json=body, headers={"traceparent": PARENT})
    assert answer.text == "success"

    sent = span(collected, "send callback")
    assert tree(collected)["send callback"] == "message"
    assert scripted.requests[0][1]["traceparent"] == f"00-{TRACE}-{sent.context.span_id:016x}-01"


async def test_sends_of_two_messages_belong_to_their_turns(tmp_path: Path, collected: InMemorySpanExporter) -> None:
    """Replies that wait at the same time are sent in the traces of their own messages."""
    platform = Generic()
    platform.hold = asyncio.Event()
    async with (
        platform.running(),
        running(tmp_path, endpoints=ENDPOINTS, credentials=platform.credentials()) as server,
    ):
        async with httpx.AsyncClient(base_url=server.url) as http:
            for number in range(2):
                hook = platform.text("ada", "hello", f"m{number}")
                await http.post("/webhooks/generic/webhook", content=hook.body, headers=hook.headers)
        await until(lambda: len([each for each in collected.get_finished_spans() if each.name == "message"]) == 2)
        platform.hold.set()
        await until(lambda: len(platform.sent) == 2)

    spans = collected.get_finished_spans()
    turns = {each.context.span_id: each.context.trace_id for each in spans if each.name == "message"}
    sends = [each for each in spans if each.name == "send generic"]
    assert len(set(turns.values())) == 2
    assert [each.parent.span_id if each.parent else None for each in sends] == list(turns)
    assert [each.context.trace_id for each in sends] == list(turns.values())


async def test_a_failed_action_is_marked(tmp_path: Path, collected: InMemorySpanExporter) -> None:
    """Its span has the code of the error, but not its text."""
    async with traced(tmp_path, Actions(work=failing)) as server:
        await post(server, "work")

    failed = span(collected, "action action_work")
    assert failed.status.status_code is StatusCode.ERROR
    assert attributes(collected, failed.name)["error.type"] == "action_unreachable"
    assert failed.events == ()
    assert span(collected, "message").status.status_code is not StatusCode.ERROR


async def test_spans_contain_nothing_private(tmp_path: Path, collected: InMemorySpanExporter) -> None:
    """Neither the visitor's text nor the id of the conversation leaves the server."""
    async with traced(tmp_path) as server:
        await post(server, "I am Ada Lovelace of secret street")

    sent = "".join(each.to_json() for each in collected.get_finished_spans())
    assert "Lovelace" not in sent
    assert '"ada"' not in sent


async def test_action_server_receives_traceparent(tmp_path: Path, collected: InMemorySpanExporter) -> None:
    """The header names the trace of the message and the span of the call."""
    scripted = ScriptedServer()
    async with traced(tmp_path) as server, asynccontextmanager(scripted.serve)():
        actions = open_actions({"url": scripted.url}, assistant().domain, root=tmp_path)
        server.conversations.engine.actions = actions
        await post(server, "work", traceparent=PARENT)

    call = span(collected, "action action_work")
    assert scripted.requests[0][1]["traceparent"] == f"00-{TRACE}-{call.context.span_id:016x}-01"
    assert dict(trace_headers.get()) == {}


@pytest.mark.parametrize(
    ("section", "endpoint"),
    [
        (
            "{type: jaeger, host: jaeger.internal, port: 6831, sync_export: ~}",
            "jaeger.internal:4317",
        ),
        ("{type: otlp, endpoint: 'otel:4317', insecure: true, service_name: bot}", "otel:4317"),
        ("{type: otlp, endpoint: 'http://otel:4318', service_name: bot}", "http://otel:4318/v1/traces"),
        ("{type: otlp, endpoint: 'https://otel/custom', service_name: bot}", "https://otel/custom"),
    ],
)
def test_sections_of_rasa_are_accepted(tmp_path: Path, section: str, endpoint: str) -> None:
    """The section of a Rasa project works unchanged; the spans go to the endpoint that it names."""
    (tmp_path / "endpoints.yml").write_text(f"tracing: {section}\n")
    read = read_endpoints(tmp_path / "endpoints.yml")
    options, _ = convert(TracingOptions, read.tracing or {})
    assert options is not None
    exporter: Any = spans_module._open_exporter(options)

    assert read.warnings == ()
    assert exporter._endpoint == endpoint
    exporter.shutdown()


async def test_spans_reach_a_collector(tmp_path: Path) -> None:
    """The server sends OTLP over HTTP to a collector; the last spans are sent when it stops."""
    collector = ScriptedServer()
    collector.answer = says_bytes(ExportTraceServiceResponse().SerializeToString())
    async with asynccontextmanager(collector.serve)():
        endpoints = f"tracing:\n  type: otlp\n  endpoint: http://127.0.0.1:{collector.port}\n  service_name: bot\n"
        async with running(tmp_path, endpoints=endpoints) as server:
            await post(server, "work", traceparent=PARENT)

    (path, _, body), *_ = collector.requests
    received = ExportTraceServiceRequest.FromString(body).resource_spans[0]
    names = {each.name for scope in received.scope_spans for each in scope.spans}
    assert path == "/v1/traces"
    assert names == {"POST /webhooks/rest", "message", "understand", "commit", "action action_work"}
    assert {each.key: each.value.string_value for each in received.resource.attributes}["service.name"] == "bot"


async def test_a_collector_that_is_away_delays_nothing(tmp_path: Path) -> None:
    """Without a collector, the server answers as usual, and stops within seconds."""
    endpoints = f"tracing:\n  type: otlp\n  endpoint: http://127.0.0.1:{free_port()}\n"
    started = time.monotonic()
    async with running(tmp_path, endpoints=endpoints) as server:
        await post(server, "hello")
    assert time.monotonic() - started < 20


async def test_spans_reach_a_collector_over_grpc(tmp_path: Path) -> None:
    """With `host:port`, as in Rasa, the server sends OTLP over gRPC."""
    with collecting() as collector:
        endpoints = f"tracing: {{type: otlp, endpoint: '{collector.endpoint}', insecure: true}}\n"
        async with running(tmp_path, endpoints=endpoints) as manent:
            await post(manent, "hello")

    assert {each.name for each in collector.spans} == {"POST /webhooks/rest", "message", "understand", "commit"}
