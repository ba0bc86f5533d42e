"""The alert rules and the dashboard of `deploy/`: Prometheus accepts them, and a running server answers each query."""

import asyncio
import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from faults.servers import fleet
from support import postgres
from support.ports import free_port
from support.processes import listens, wait_for
from support.programs import program

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
RULES = DEPLOY / "prometheus/alerts.yml"
DASHBOARD = DEPLOY / "grafana/dashboard.json"
RUNBOOK = ROOT / "docs/operations/runbook.md"

QUIET = {"manent_messages_refused_total", "manent_channel_messages_undeliverable_total", "manent_background_failing"}
"""Metrics without a value on a server where nothing goes wrong."""

CREDENTIALS = """
rest:
socketio:
  session_persistence: true
generic:
  url: http://127.0.0.1:9/
  secret: "0123456789abcdef0123"
"""


def alerts() -> list[dict[str, Any]]:
    """Return the alert rules."""
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def queries() -> dict[str, str]:
    """Return the queries of the dashboard by panel and letter, with the values that Grafana fills in."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return {
        f"{panel['title']} {target['refId']}": target["expr"]
        .replace("$__rate_interval", "10s")
        .replace("$job", "manent")
        for panel in panels
        for target in panel["targets"]
    }


def metrics_of(expression: str) -> set[str]:
    """Return the names of the metrics in a query."""
    return set(re.findall(r"\b(?:manent|process)_\w+|\bup\b", expression))


def test_each_alert_has_an_entry_in_the_runbook() -> None:
    """Each rule has a severity, a summary, and a link to a heading of the runbook."""
    headings = {
        re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in RUNBOOK.read_text().splitlines()
        if line.startswith("## ")
    }
    for rule in alerts():
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert page == "operations/runbook.md"
        assert anchor in headings, rule["alert"]
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"]
        assert f"`{rule['alert']}`" in RUNBOOK.read_text()


@pytest.mark.slow
def test_prometheus_accepts_the_rules(tmp_path: Path) -> None:
    """Promtool finds no mistake in the rules and in the configuration."""
    promtool = program("promtool", "apt install prometheus")
    (tmp_path / "alerts.yml").write_text(RULES.read_text())
    (tmp_path / "prometheus.yml").write_text((DEPLOY / "prometheus/prometheus.yml").read_text())
    for command in (["rules", "alerts.yml"], ["config", "prometheus.yml"]):
        done = subprocess.run([promtool, "check", *command], cwd=tmp_path, capture_output=True, check=False, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def database() -> Iterator[str]:
    """A PostgreSQL database."""
    folder = postgres.programs()
    if folder is None:
        pytest.skip("needs PostgreSQL")
    with postgres.running(folder) as cluster:
        yield cluster.new_database()


@pytest.mark.slow
async def test_a_running_server_answers_each_query(database: str, tmp_path: Path) -> None:
    """All metrics in alerts and dashboard exist, and Prometheus finds a value for each query of a busy server."""
    prometheus = program("prometheus", "apt install prometheus")
    store = f"tracker_store: {{type: SQL, dialect: postgresql, url: '{database}', pool_size: 1}}\n"
    broker = "event_broker: {type: file, path: events.log}\n"
    with ExitStack() as stack:
        servers = stack.enter_context(
            fleet(tmp_path / "project", tracker_store=store + broker, credentials=CREDENTIALS)
        )
        server = servers.start()
        url = stack.enter_context(scraping(prometheus, tmp_path / "prometheus", server.port))
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
            async with asyncio.timeout(60):
                for round_ in range(24):  # 6 s, in which it scrapes about six times
                    bodies = [
                        {"sender": f"a{number}", "message": "work", "message_id": f"{round_}"} for number in range(20)
                    ]
                    await asyncio.gather(*(http.post("/webhooks/rest/webhook", json=body) for body in bodies))
                    await asyncio.sleep(0.25)
            exported = names_in((await http.get("/metrics")).text)
        used = {name for expression in queries().values() for name in metrics_of(expression)}
        used |= {name for rule in alerts() for name in metrics_of(rule["expr"])}
        assert used - exported == {"up"}
        async with httpx.AsyncClient(base_url=url) as http:
            empty = {
                name
                for name, expression in queries().items()
                if not await result_of(http, expression) and not metrics_of(expression) <= QUIET
            }
            failed = [rule["alert"] for rule in alerts() if await result_of(http, rule["expr"])]

    assert empty == set()
    assert set(failed) <= {"ManentOverloaded", "ManentPoolExhausted"}  # the machine of the test may be busy


@contextmanager
def scraping(prometheus: str, folder: Path, target: int) -> Iterator[str]:
    """Run Prometheus, which reads the metrics of a server each second; yields its URL."""
    folder.mkdir()
    port = free_port()
    settings = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    settings["global"]["scrape_interval"] = "1s"
    settings["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{target}"]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    (folder / "alerts.yml").write_text(RULES.read_text())
    with (folder / "out.log").open("wb") as out:
        process = subprocess.Popen(
            [
                prometheus,
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=out,
            stderr=out,
        )
    try:
        wait_for(lambda: process.poll() is not None or listens(port), "prometheus")
        assert process.poll() is None, (folder / "out.log").read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def names_in(text: str) -> set[str]:
    """Return the names of all series, and of those that have no value yet."""
    families = list(text_string_to_metric_families(text))
    declared = {f"{family.name}_total" if family.type == "counter" else family.name for family in families}
    return declared | {sample.name for family in families for sample in family.samples}


async def result_of(http: httpx.AsyncClient, expression: str) -> list[Any]:
    """Return the result of a query."""
    answer = await http.get("/api/v1/query", params={"query": expression})
    assert answer.status_code == 200, f"{expression}: {answer.text}"
    found: list[Any] = answer.json()["data"]["result"]
    return found
