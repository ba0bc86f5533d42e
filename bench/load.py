"""A light Socket.IO load: raw Engine.IO frames over websockets, so that the client costs little beside the server.

Plain Rasa protocol only (`session_request`, `user_uttered`, `bot_uttered`): any server that speaks it can be measured.
"""

import asyncio
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run measured: turns per second, latencies in ms, server CPU in µs a turn, and cores used."""

    turns: int
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    cores: float

    @property
    def per_core(self) -> float:
        """Turns per second of server CPU."""
        return 1e6 / self.cpu_us if self.cpu_us else 0.0


class Talker:
    """One socket with a conversation of its own."""

    def __init__(self, http: aiohttp.ClientSession, url: str, session_id: str | None = None) -> None:
        self.http = http
        self.session_id = session_id
        self.url = url.replace("http", "ws", 1) + "/socket.io/?EIO=4&transport=websocket"

    async def open(self) -> "Talker":
        """Connect and take a session."""
        self.socket = await self.http.ws_connect(self.url, max_msg_size=0)
        await self._frame("0")
        await self.socket.send_str("40")
        await self._frame("40")
        request = json.dumps({"session_id": self.session_id} if self.session_id else {})
        await self.socket.send_str(f'42["session_request",{request}]')
        confirm = await self._frame('42["session_confirm"')
        self.session_id = json.loads(confirm[2:])[1]
        return self

    async def ask(self, text: str) -> float:
        """Send a message; return the seconds until the first reply."""
        message = json.dumps({"message": text, "session_id": self.session_id})
        started = time.perf_counter()
        await self.socket.send_str(f'42["user_uttered",{message}]')
        await self._frame('42["bot_uttered"')
        return time.perf_counter() - started

    async def close(self) -> None:
        """Leave."""
        await self.socket.close()

    async def _frame(self, prefix: str, within_s: float = 30.0) -> str:
        async with asyncio.timeout(within_s):
            while True:
                frame = await self.socket.receive_str()
                if frame == "2":
                    await self.socket.send_str("3")
                elif frame.startswith('42["error"'):
                    raise RuntimeError(frame)
                elif frame.startswith(prefix):
                    return frame


async def run(url: str, pid: int, *, conversations: int, seconds: float, phrases: Sequence[str]) -> Result:
    """Talk in so many conversations at once for so many seconds; each message is a text never sent before."""
    process = psutil.Process(pid)
    latencies: list[float] = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        talkers = [await Talker(http, url).open() for _ in range(conversations)]
        for talker in talkers:
            await talker.ask(phrases[0])
        stop = time.perf_counter() + seconds
        before, started = _cpu_s(process), time.perf_counter()

        async def talk(talker: Talker, number: int) -> None:
            count = 0
            while time.perf_counter() < stop:
                phrase = phrases[count % len(phrases)]
                latencies.append(await talker.ask(f"{phrase} {number * 100_000 + count}"))
                count += 1

        await asyncio.gather(*(talk(talker, number) for number, talker in enumerate(talkers)))
        wall, cpu = time.perf_counter() - started, _cpu_s(process) - before
        for talker in talkers:
            await talker.close()
    ordered = sorted(latencies)
    return Result(
        turns=len(latencies),
        per_second=len(latencies) / wall,
        p50_ms=statistics.median(ordered) * 1000,
        p99_ms=ordered[int(len(ordered) * 0.99)] * 1000,
        cpu_us=1e6 * cpu / len(latencies),
        cores=cpu / wall,
    )


@contextlib.contextmanager
def serving(command: Sequence[str], *, cwd: Path, url: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; it begins when the port accepts connections."""
    port = int(url.rsplit(":", 1)[1])
    with log.open("ab") as out:
        server = subprocess.Popen(command, cwd=cwd, stdout=out, stderr=out, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    try:
        for _ in range(600):
            if server.poll() is not None:
                sys.exit(f"the server ended with status {server.returncode}; see {log}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                break
            time.sleep(0.05)
        yield server
    finally:
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(15)
        server.kill()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system
