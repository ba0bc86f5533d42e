"""Connects and disconnects many visitors, and checks that the server's memory returns to its earlier size.

    PYTHONPATH=tests python -m soak.memory [--scale 1.0] [--rest 60] [--out series.json] [--picture FILE BEFORE AFTER]

Four kinds of visits: WebSockets, polling sessions, conversations over REST, and swaps of the model. WebSockets and
polling sessions alternately close the connection and abort it. The first tenth of the visits of each kind warms the
server up. The memory after these visits and a pause is the plateau. The run fails if the memory after the visits and
the same pause is more than 15 MB above the plateau. `--scale` changes the number of visits. `--picture` draws two
series from earlier runs.
"""

import argparse
import asyncio
import base64
import json
import os
import struct
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.ports import free_port
from support.processes import listens, manent, wait_for
from support.small_talk import write_project

AT_ONCE = 16
POINTS = 10
"""Number of measurements of a series between the one at its start and the one after the pause."""

ALLOWED_MB = 15.0

COUNTS = {"websockets": 30_000, "polling": 30_000, "conversations": 100_000, "swaps": 500}

CONFIG = """
language: en
pipeline:
- name: WhitespaceTokenizer
- name: CountVectorsFeaturizer
- name: DIETClassifier
policies:
- name: RulePolicy
"""

_TEXT, _CLOSE = 1, 8


@dataclass(frozen=True, slots=True)
class Served:
    """A running server and the number of its process."""

    port: int
    pid: int
    model: str

    def memory_mb(self) -> float:
        """Return the resident memory of the process."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024


@dataclass(frozen=True, slots=True)
class Series:
    """The memory of a server: (number of visits, megabytes) pairs, and the megabytes after a pause at the end."""

    points: list[tuple[int, float]]
    plateau_mb: float
    rested_mb: float

    @property
    def growth_mb(self) -> float:
        """Return the megabytes above the plateau at the end."""
        return self.rested_mb - self.plateau_mb


@contextmanager
def serving(root: Path) -> Iterator[Served]:
    """Train the small assistant, with a learned classifier, and serve it with its management API."""
    write_project(root, config=CONFIG, credentials="rest:\nsocketio:\n  session_persistence: true\n")
    trained = manent("train", "--fixed-model-name", "small", cwd=root)
    assert trained.returncode == 0, trained.stderr
    port = free_port()
    command = [sys.executable, "-m", "manent", "run", "-i", "127.0.0.1", "-p", str(port), "--enable-api"]
    with (root / "server.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=root, stdout=log, stderr=log)
        try:
            wait_for(lambda: listens(port), "the server")
            yield Served(port, process.pid, str(root / "models" / "small.tar.gz"))
        finally:
            process.terminate()
            process.wait(60)


# visits ---------------------------------------------------------------------------------------------------------------


async def websocket(server: Served, number: int) -> None:
    """Connect by WebSocket, join a session, and leave."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    writer.write(_frame(_TEXT, b"40"))
    await _until_frame(reader, b"40")
    writer.write(_frame(_TEXT, _session_request()))
    await _until_frame(reader, b'42["session_confirm"')
    if number % 2:
        writer.write(_frame(_TEXT, b"1") + _frame(_CLOSE, b"\x03\xe8"))
        while await reader.read(4096):
            pass
    writer.transport.abort()


async def polling(server: Served, number: int) -> None:
    """Connect by polling, join a session, then close the session or only stop polling."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    address = "/socket.io/?EIO=4&transport=polling"
    opened = await _request(reader, writer, "GET", address)
    address += f"&sid={json.loads(opened[1:])['sid']}"
    for packet in (b"40", _session_request()):
        await _request(reader, writer, "POST", address, packet)
        await _request(reader, writer, "GET", address)
    if number % 2:
        await _request(reader, writer, "POST", address, b"1")
    writer.close()


async def conversation(server: Served, number: int) -> None:
    """Send a message in a new conversation."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    body = json.dumps({"sender": uuid.uuid4().hex, "message": f"hello {number}"}).encode()
    await _request(reader, writer, "POST", "/webhooks/rest/webhook", body)
    writer.close()


async def swap(server: Served, number: int) -> None:
    """Make the server load its model again."""
    del number
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    await _request(reader, writer, "PUT", "/model", json.dumps({"model_file": server.model}).encode())
    writer.close()


Visit = Callable[[Served, int], Awaitable[None]]
VISITS: dict[str, Visit] = {
    "websockets": websocket,
    "polling": polling,
    "conversations": conversation,
    "swaps": swap,
}


def _session_request() -> bytes:
    return f'42["session_request",{{"session_id":"{uuid.uuid4().hex}"}}]'.encode()


def _frame(kind: int, data: bytes) -> bytes:
    assert len(data) < 126  # longer frames have a different header
    return bytes((0x80 | kind, 0x80 | len(data))) + bytes(4) + data


async def _until_frame(reader: asyncio.StreamReader, start: bytes) -> None:
    found = b""
    while not found.startswith(start):
        _, size = await reader.readexactly(2)
        if size == 126:  # the size is in the next two bytes
            (size,) = struct.unpack(">H", await reader.readexactly(2))
        found = await reader.readexactly(size)


async def _request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, method: str, path: str, body: bytes = b""
) -> bytes:
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    assert answer.split()[1] in ("200", "204"), answer
    if "transfer-encoding: chunked" not in answer:
        size = answer.partition("content-length:")[2].split()
        return await reader.readexactly(int(size[0])) if size else b""
    parts = []
    while size_of_part := int(await reader.readuntil(b"\r\n"), 16):
        parts.append((await reader.readexactly(size_of_part + 2))[:-2])
    await reader.readexactly(2)
    return b"".join(parts)


# measuring ------------------------------------------------------------------------------------------------------------


async def _visits(server: Served, visit: Visit, count: int) -> None:
    numbers = iter(range(count))

    async def some() -> None:
        for number in numbers:
            await visit(server, number)

    await asyncio.gather(*(some() for _ in range(AT_ONCE if visit is not swap else 1)))


def measure(server: Served, kind: str, count: int, *, rest_s: float) -> Series:
    """Warm the server up, run the visits of one kind, and return the server's memory."""
    asyncio.run(_visits(server, VISITS[kind], max(AT_ONCE, count // POINTS)))
    time.sleep(rest_s)
    points = [(0, server.memory_mb())]
    for number in range(1, POINTS + 1):
        asyncio.run(_visits(server, VISITS[kind], count // POINTS))
        points.append((number * (count // POINTS), server.memory_mb()))
    time.sleep(rest_s)
    return Series(points, points[0][1], server.memory_mb())


def draw(path: Path, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Draw the growth of each kind before and after a change."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, boxes = plt.subplots(1, len(COUNTS), figsize=(11, 2.8), layout="constrained")
    for axes, kind in zip(boxes, COUNTS, strict=True):
        for name, colour, series in (("before", "#b0623b", before), ("after", "#2f6f4f", after)):
            if kind not in series:
                continue
            points = [*series[kind]["points"], (series[kind]["points"][-1][0] * 1.08, series[kind]["rested_mb"])]
            axes.plot(*zip(*points, strict=True), color=colour, label=name, marker=".", markersize=3)
        axes.set_title(kind, fontsize=9)
        axes.set_ylim(0)
        axes.tick_params(labelsize=7)
        axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(3))
        axes.spines[["top", "right"]].set_visible(False)
    boxes[0].set_ylabel("resident memory, MB", fontsize=8)
    boxes[0].legend(fontsize=8, frameon=False)
    figure.savefig(path, dpi=110)


def main() -> int:
    """Measure all kinds of visits, each on a new server; return 1 if a server did not release its memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--rest", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--kinds", default=",".join(COUNTS))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--picture", type=Path, nargs=3, metavar=("FILE", "BEFORE", "AFTER"))
    chosen = parser.parse_args()
    if chosen.picture:
        draw(chosen.picture[0], *(json.loads(path.read_text(encoding="utf-8")) for path in chosen.picture[1:]))
        return 0
    found: dict[str, Any] = {}
    for kind in chosen.kinds.split(","):
        count = round(COUNTS[kind] * chosen.scale)
        with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as server:
            series = measure(server, kind, count, rest_s=chosen.rest)
        found[kind] = {"points": series.points, "plateau_mb": series.plateau_mb, "rested_mb": series.rested_mb}
        shown = " ".join(f"{megabytes:.0f}" for _, megabytes in series.points)
        print(
            f"{kind:>15} {count:>7}: {shown} MB, after a pause {series.rested_mb:.0f}: {series.growth_mb:+.1f} MB",
            flush=True,
        )
        if chosen.out:
            chosen.out.write_text(json.dumps(found), encoding="utf-8")
    return any(one["rested_mb"] - one["plateau_mb"] > ALLOWED_MB for one in found.values())


if __name__ == "__main__":
    sys.exit(main())
