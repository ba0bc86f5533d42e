"""The metrics, as Prometheus reads them."""

from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from manent.runtime.measures import Histogram
from small_talk import running


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
