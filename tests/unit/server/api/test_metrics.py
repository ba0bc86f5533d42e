"""The metrics, as Prometheus reads them."""

import asyncio
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from manent.runtime.metrics import Histogram
from support.small_talk import running


async def test_metrics_tell_what_happened(tmp_path: Path) -> None:
    """After one message and its repetition the counters and histograms have counted them."""
    async with running(tmp_path) as server, httpx.AsyncClient(base_url=server.url) as http:
        body = {"sender": "ada", "message": "hello", "message_id": "m1"}
        await http.post("/webhooks/rest/webhook", json=body)
        await http.post("/webhooks/rest/webhook", json=body)
        answer = await http.get("/metrics")
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if not sample.name.endswith("_bucket")
    }

    assert samples["manent_messages_accepted_total",] == 1
    assert samples["manent_messages_duplicate_total",] == 1
    assert samples["manent_turn_seconds_count", "whole"] == 1
    assert samples["manent_turn_seconds_count", "append"] == 1
    assert samples["manent_store_commit_seconds_count",] >= 1
    assert samples["manent_unfinished_turns",] == 0
    assert samples["manent_sockets_plain",] == 0
    assert samples["process_resident_memory_bytes",] > 0


async def test_metrics_and_health_tell_of_the_event_broker(tmp_path: Path) -> None:
    """How many messages went out, how many conversations wait and for how long; an outage leaves the server ready."""
    (tmp_path / "away").mkdir()
    told: list[tuple[dict[str, float], httpx.Response]] = []
    for path, waiting in (("events.log", 0), ("away", 1)):
        async with (
            running(tmp_path, endpoints=f"event_broker: {{type: file, path: {path}}}") as server,
            httpx.AsyncClient(base_url=server.url) as http,
        ):
            await http.post("/webhooks/rest/webhook", json={"sender": "ada", "message": "hello"})
            health = await http.get("/health/ready")
            while not _is_told(health, waiting):
                await asyncio.sleep(0.02)
                health = await http.get("/health/ready")
            metrics = (await http.get("/metrics")).text
        samples = {
            sample.name: sample.value
            for family in text_string_to_metric_families(metrics)
            for sample in family.samples
            if sample.name.startswith("manent_broker_")
        }
        told.append((samples, health))
    lines = len((tmp_path / "events.log").read_text().splitlines())
    (well, healthy), (unwell, ill) = told

    assert well == {
        "manent_broker_conversations_waiting": 0,
        "manent_broker_lag_seconds": 0,
        "manent_broker_messages_published_total": lines,
        "manent_broker_failures_total": 0,
    }
    assert healthy.json()["event_broker"] == {"status": "ok", "waiting": 0, "lag_s": 0.0}
    assert (unwell["manent_broker_conversations_waiting"], unwell["manent_broker_messages_published_total"]) == (1, 0)
    assert unwell["manent_broker_failures_total"] >= 1
    assert ill.status_code == 200
    assert (ill.json()["status"], ill.json()["event_broker"]["status"]) == ("ok", "broker_file")


def _is_told(health: httpx.Response, waiting: int) -> bool:
    broker = health.json()["event_broker"]
    return bool(broker["waiting"] == waiting and (broker["status"] != "ok") is bool(waiting))


async def test_server_without_a_broker_says_nothing_of_one(tmp_path: Path) -> None:
    """Neither in its metrics nor in its health."""
    async with running(tmp_path) as server, httpx.AsyncClient(base_url=server.url) as http:
        assert "broker" not in (await http.get("/metrics")).text + (await http.get("/health/ready")).text


async def test_metrics_ask_for_the_token_when_there_is_one(tmp_path: Path) -> None:
    """A configured token guards the numbers, too; health stays open."""
    async with running(tmp_path, auth_token="t0ken") as server, httpx.AsyncClient(base_url=server.url) as http:  # noqa: S106
        statuses = [
            (await http.get(path)).status_code for path in ("/metrics", "/metrics?token=t0ken", "/health/ready")
        ]

    assert statuses == [401, 200, 200]


def test_histogram_counts_each_once() -> None:
    """Every observation falls into one bucket, the largest into the last."""
    histogram = Histogram((0.1, 1.0))
    for seconds in (0.05, 0.1, 0.5, 7.0):
        histogram.observe(seconds)

    assert (histogram.counts, histogram.count, histogram.total_s) == ([2, 1, 1], 4, 7.65)
