"""`GET /metrics`: the process's metrics in Prometheus format.

`runtime/metrics.py` collects the numbers. The first request imports prometheus-client, because importing it at startup
would slow down the start. With `--auth-token` or `--jwt-secret`, a token is required, because the metrics reveal how
much traffic there is.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from manent import __version__
from manent.channels.opening import Channels
from manent.channels.socketio.channel import SocketIoChannel
from manent.core.errors import ManentError
from manent.runtime.background.publishing import Publisher
from manent.runtime.conversation.registry import Conversations
from manent.runtime.metrics import Histogram
from manent.server.api.auth import Guard
from manent.server.operation import Operation

if TYPE_CHECKING:
    from prometheus_client import Metric

MAX_UNFINISHED = 1_000
"""Maximum number of unfinished turns to count. It is reached only during an outage."""

Gauges = dict[str, tuple[str, float]]
"""Name → description and value."""

Labelled = dict[str, tuple[str, dict[str, int]]]
"""Name → description, and channel → value."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

METRICS = Operation(
    method="GET", path="/metrics", summary="Metrics in the Prometheus format", answer="text/plain", errors=(401,)
)


def routes(
    conversations: Conversations, channels: Channels, guard: Guard, publisher: Publisher | None = None
) -> list[Route]:
    """Return the route `/metrics`. `publisher` is None if there is no event broker."""
    socketio = channels.socketio

    async def metrics(request: Request) -> Response:
        guard.check(request)
        try:
            unfinished: int | None = len(
                await conversations.engine.store.unfinished(now=float("inf"), limit=MAX_UNFINISHED)
            )
        except ManentError:
            unfinished = None  # if the store fails, still export the other numbers
        gauges: Gauges = {
            "conversations_loaded": ("Conversations kept in memory.", conversations.count),
            "messages_waiting": ("Messages that wait for their turns to start.", conversations.waiting),
            "sockets_plain": ("Sockets of plain Rasa clients.", _sockets(socketio, protocol=False)),
            "sockets_protocol_1": ("Sockets that use protocol 1.", _sockets(socketio, protocol=True)),
        }
        if unfinished is not None:
            gauges["unfinished_turns"] = ("Unfinished turns of all servers that use the store.", unfinished)
        counters: Gauges = {}
        if publisher is not None:
            gauges["broker_conversations_waiting"] = ("Conversations with unpublished events.", publisher.waiting)
            gauges["broker_lag_seconds"] = (
                "Seconds for which the oldest unpublished event has been waiting.",
                publisher.lag_s,
            )
            counters["broker_messages_published"] = ("Messages that the broker has stored.", publisher.published)
            counters["broker_failures"] = ("Failed attempts to publish.", publisher.failures)
        if channels.receiver is not None:
            with contextlib.suppress(ManentError):
                gauges["channel_messages_unprocessed"] = (
                    "Received messages of platforms whose turns have not ended, of all servers that use the store.",
                    await channels.receiver.unprocessed(),
                )
        if channels.sender is not None:
            gauges["channel_conversations_waiting"] = (
                "Conversations with messages that this server has to send.",
                channels.sender.waiting,
            )
        of_channels = _of_channels(channels)
        body = await asyncio.to_thread(_render, conversations, gauges, counters, of_channels)
        return Response(body, media_type=CONTENT_TYPE)

    return [METRICS.route(metrics)]


def _of_channels(channels: Channels) -> Labelled:
    """Return the counters of messenger channels: name → description, and the value for each channel."""
    sender, receiver = channels.sender, channels.receiver
    if sender is None or receiver is None:
        return {}
    lanes = sender.lanes.items()
    counts = [(name, channel.counts) for name, (channel, _) in channels.others.items() if hasattr(channel, "counts")]
    failed = {name: one.failed for name, one in counts}
    return {
        "channel_messages_received": ("Messages from platforms.", dict(receiver.received)),
        "channel_messages_repeated": ("Messages that platforms delivered more than once.", dict(receiver.repeated)),
        "channel_messages_lost": ("Received messages that could not be processed.", dict(receiver.lost)),
        "channel_updates_ignored": ("Updates of unsupported types.", {name: one.ignored for name, one in counts}),
        "channel_requests_unverified": (
            "Requests without a valid signature.",
            {name: one.unverified for name, one in counts},
        ),
        "channel_messages_sent": ("Messages sent to platforms.", {name: lane.sent for name, lane in lanes}),
        "channel_sends_retried": ("Failed attempts to send.", {name: lane.retried for name, lane in lanes}),
        "channel_sends_uncertain": (
            "Sends with an unknown result, which were repeated.",
            {name: lane.uncertain for name, lane in lanes},
        ),
        "channel_messages_undeliverable": (
            "Messages that platforms rejected or could not deliver.",
            {name: lane.undeliverable + failed.get(name, 0) for name, lane in lanes},
        ),
    }


def _sockets(socketio: SocketIoChannel, *, protocol: bool) -> int:
    return sum((connection.dialect.protocol > 0) is protocol for connection in socketio.connections)


def _render(conversations: Conversations, gauges: Gauges, counters: Gauges, of_channels: Labelled) -> bytes:
    from prometheus_client import PROCESS_COLLECTOR, CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    registry.register(PROCESS_COLLECTOR)
    registry.register(_Collector(conversations, gauges, counters, of_channels))
    rendered: bytes = generate_latest(registry)
    return rendered


class _Collector:
    """Converts the metrics to Prometheus metric families for one request."""

    def __init__(self, conversations: Conversations, gauges: Gauges, counters: Gauges, of_channels: Labelled) -> None:
        self.conversations = conversations
        self.gauges = gauges
        self.counters = counters
        self.of_channels = of_channels

    def collect(self) -> Iterator["Metric"]:
        from prometheus_client.core import (
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
            InfoMetricFamily,
        )

        metrics = self.conversations.engine.metrics
        model = self.conversations.engine.model
        info = InfoMetricFamily("manent", "Version and model.")
        info.add_metric([], {"version": __version__, "model": model.file if model is not None else ""})
        yield info

        parts: dict[str, Histogram] = {
            "queue": metrics.queued,
            "understand": metrics.understood,
            "outside": metrics.outside,
            "append": metrics.appended,
            "whole": metrics.turns,
        }
        seconds = HistogramMetricFamily(
            "manent_turn_seconds",
            "Duration of turns by part; `whole` includes all parts except `queue`.",
            labels=["part"],
        )
        for part, histogram in parts.items():
            seconds.add_metric([part], **_buckets(histogram))
        yield seconds
        yield HistogramMetricFamily(
            "manent_store_commit_seconds", "Duration of the store's transactions.", **_buckets(metrics.commits)
        )
        yield HistogramMetricFamily(
            "manent_event_loop_delay_seconds",
            "By how much the event loop wakes a task too late.",
            **_buckets(metrics.loop_delays),
        )
        if metrics.pool_size:
            yield HistogramMetricFamily(
                "manent_pool_wait_seconds",
                "Waits for a connection to the database, if none was free.",
                **_buckets(metrics.pool_waits),
            )
            yield GaugeMetricFamily("manent_pool_size", "Maximum connections to the database.", metrics.pool_size)
            yield GaugeMetricFamily("manent_pool_used", "Connections to the database in use.", metrics.pool_used)
        counters: Gauges = {
            "store_works": ("Operations in the store's transactions.", metrics.works),
            "messages_accepted": ("Messages that became durable.", metrics.accepted),
            "messages_duplicate": ("Messages that were duplicates of accepted messages.", metrics.duplicates),
            "turns_failed": ("Turns that failed after their message was accepted.", metrics.failed),
            **self.counters,
        }
        if metrics.bridge_waiting is not None:
            counters["bridge_messages_rejected"] = ("Messages that the help desk rejected.", metrics.bridge_rejected)
            yield GaugeMetricFamily(
                "manent_bridge_conversations_waiting",
                "Conversations whose last comparison with the help desk failed.",
                value=metrics.bridge_waiting,
            )
        for name, (text, value) in counters.items():
            yield CounterMetricFamily(f"manent_{name}", text, value=value)
        refused = CounterMetricFamily("manent_messages_refused", "Rejected messages by error code.", labels=["code"])
        for code, value in tuple(metrics.refused.items()):
            refused.add_metric([code], value)
        yield refused
        for name, (text, values) in self.of_channels.items():
            family = CounterMetricFamily(f"manent_{name}", text, labels=["channel"])
            for channel, value in values.items():
                family.add_metric([channel], value)
            yield family
        background = CounterMetricFamily(
            "manent_background_failures", "Failed rounds of the background tasks.", labels=["loop"]
        )
        failing = GaugeMetricFamily(
            "manent_background_failing", "1 if the last round of a background task failed.", labels=["loop"]
        )
        for loop, value in tuple(metrics.background_failures.items()):
            background.add_metric([loop], value)
            failing.add_metric([loop], float(loop in metrics.background_failing))
        yield background
        yield failing
        for name, (text, value) in self.gauges.items():
            yield GaugeMetricFamily(f"manent_{name}", text, value=value)


def _buckets(histogram: Histogram) -> dict[str, Any]:
    buckets: list[tuple[str, float]] = []
    total = 0
    for bound, count in zip([*map(str, histogram.bounds), "+Inf"], tuple(histogram.counts), strict=True):
        total += count
        buckets.append((bound, total))
    return {"buckets": buckets, "sum_value": histogram.total_s}
