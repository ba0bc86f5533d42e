"""Data from visitors cannot forge log lines or control the terminal."""

import asyncio
import json
import re
from collections.abc import Callable

import httpx
import pytest
import websockets

from security.sites import Site

Serve = Callable[..., Site]

FORGED = 'x%0a{"level":"error","event":"forged"}%1b[31m%c2%85%e2%80%a8'
TEXT_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO|WARNING) +[\w.]+ .+|  .*")
OPEN = "rest:\nsocketio:\n  session_persistence: true\n"


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("level", ["INFO", "DEBUG"])
async def test_no_request_forges_a_line(serve: Serve, form: str, level: str) -> None:
    """Session ids, origins, transports and old ids from clients cannot add lines to the log."""
    site = serve(credentials=OPEN, environment={"MANENT_LOG_FORMAT": form, "LOG_LEVEL": level})
    path = f"/socket.io/?EIO=4&transport=polling&sid={FORGED}"
    async with httpx.AsyncClient(base_url=site.url) as http:
        assert (await http.get(path)).status_code == 400
        assert (await http.post(path, content=b"40")).status_code == 400
        assert (await http.get(path.replace("polling", FORGED))).status_code == 400
        assert (await http.get(path.replace("EIO=4&", ""))).status_code == 400
        assert (await http.get(f"/socket.io/?j={FORGED}")).status_code == 400
        assert (await http.get("/socket.io/?EIO=4&transport=polling&sid=of-an-earlier-server")).status_code == 400
        await http.request(FORGED[:1] + "Y", path)
    with pytest.raises(websockets.exceptions.InvalidStatus):
        await websockets.connect(f"ws{site.url[4:]}{path.replace('polling', 'websocket')}")

    lines = [line for line in site.log.split("\n") if line and not line.startswith("Manent is up")]
    assert lines
    for line in lines:
        assert line.isprintable()
        if form == "json":
            assert json.loads(line)["level"] in ("debug", "info", "warning"), line
        else:
            assert TEXT_LINE.fullmatch(line), line


async def test_clients_that_go_away_are_no_errors(serve: Serve) -> None:
    """A request that ends in the middle of its body is not logged as an error."""
    site = serve(credentials=OPEN)
    for _ in range(5):
        _, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(b"POST /webhooks/rest/webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        await writer.drain()
        writer.close()
    answer = await site.post("/webhooks/rest/webhook", {"sender": "ada", "message": "hello"})

    assert answer.status_code == 200
    assert "ERROR" not in site.log
    assert "Traceback" not in site.log
