"""Upload files while the server and the page are killed again and again.

    PYTHONPATH=tests .venv/bin/python -m soak.files --uploads 200

A visitor uploads files and sends messages that name them, and repeats each request until it is answered. The server is
killed (`kill -9`) at random moments and started again. The page is killed in the middle of every second request: its
connection ends. Then the visitor chooses the file again, and the outbox repeats the message. At the end, each message
must be in the conversation once, with one file that has the right bytes. After an hour (a server whose clock is ahead),
no other file may remain.
"""

import argparse
import asyncio
import contextlib
import hashlib
import os
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx

from faults.servers import Fleet, Server, fleet, until

CREDENTIALS = "rest:\nsocketio:\n  session_persistence: true\nfiles:\n  max_per_conversation: 1000\n"
SIGNATURE = b"\x89PNG\r\n\x1a\n"
RETRY_S = 0.05
PAGE_LIFE_S = 0.1
"""The page is killed at most this long after the start of a request."""
HOUR_S = 3_700.0


class Visitor:
    """Uploads files and sends messages, over servers that are killed."""

    def __init__(self, found: Fleet, rng: random.Random) -> None:
        self.found = found
        self.rng = rng
        self.sent: dict[str, str] = {}
        """Message id → SHA-256 of the file."""
        self.repeats = 0
        self.page_kills = 0

    async def send(self, http: httpx.AsyncClient, number: int) -> None:
        """Upload a file, then send a message that names it."""
        content = SIGNATURE + self.rng.randbytes(self.rng.randrange(1_000, 2_000_000))
        form = {"data": {"session_id": "ada"}, "files": {"file": (f"{number}.png", content)}}
        uploaded = await self._ask(http, "files", **form)
        message_id = f"m{number}"
        said = {
            "session_id": "ada",
            "message": "",
            "message_id": message_id,
            "attachments": [uploaded["file_id"]],
        }
        await self._ask(http, "user_uttered", json=said)
        self.sent[message_id] = hashlib.sha256(content).hexdigest()

    async def _ask(self, http: httpx.AsyncClient, name: str, **request: Any) -> dict[str, Any]:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                try:
                    async with asyncio.timeout(self._page_life()):
                        answer = await http.post(f"{self.found.servers[-1].url}/sessions/{name}", **request)
                except TimeoutError:
                    self.page_kills += 1
                    continue
                if answer.status_code == httpx.codes.OK:
                    found: dict[str, Any] = answer.json()
                    return found
                if answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                    raise AssertionError(f"{name}: {answer.text}")
            self.repeats += 1
            await asyncio.sleep(RETRY_S)

    def _page_life(self) -> float | None:
        """Return after how many seconds the page is killed, or None."""
        return self.rng.random() * PAGE_LIFE_S if self.rng.random() < 0.5 else None


async def _kill(found: Fleet, rng: random.Random, every_s: float, stop: asyncio.Event) -> int:
    """Kill the newest server at random moments, and start another. Return the number of kills."""
    kills = 0
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), every_s * (0.2 + 1.6 * rng.random()))
        old = found.servers[-1]
        old.process.kill()
        old.process.wait()
        kills += 1
        await asyncio.to_thread(found.start, port=old.port)
    return kills


async def _send_all(http: httpx.AsyncClient, visitor: Visitor, uploads: int) -> None:
    for number in range(uploads):
        await visitor.send(http, number)
        if number % 20 == 19:
            print(f"  {number + 1} uploads", flush=True)


async def upload_under_kills(root: Path, *, uploads: int, every_s: float, seed: int) -> dict[str, int]:
    """Run the soak in a new project. Return counts.

    Raises:
        AssertionError: a file is missing, twice, damaged or orphaned.
    """
    rng = random.Random(seed)
    with fleet(root, credentials=CREDENTIALS) as found:
        found.start()
        visitor, stop = Visitor(found, rng), asyncio.Event()
        killing = asyncio.create_task(_kill(found, rng, every_s, stop))
        async with httpx.AsyncClient(timeout=20) as http:
            sending = asyncio.create_task(_send_all(http, visitor, uploads))
            await asyncio.wait({sending, killing}, return_when=asyncio.FIRST_COMPLETED)
            if killing.done():
                sending.cancel()
                await killing  # raises why a server did not start
            await sending
            stop.set()
            kills = await killing
            shown = await _attachments(http, found.servers[-1])
            assert sorted(message_id for message_id, _ in shown) == sorted(visitor.sent), (
                "a message is missing or twice"
            )
            for message_id, attachments in shown:
                assert len(attachments) == 1
                content = (await http.get(found.servers[-1].url + attachments[0]["url"])).content
                assert hashlib.sha256(content).hexdigest() == visitor.sent[message_id], "a file is damaged"
        used = {attachments[0]["file_id"] for _, attachments in shown}
        orphans = await asyncio.to_thread(_stored, root) - used
        found.servers[-1].process.kill()
        found.servers[-1].process.wait()
        found.start(ahead_s=HOUR_S)
        await until(lambda: _stored(root) == used)
    return {
        "uploads": uploads,
        "kills": kills,
        "page kills": visitor.page_kills,
        "repeats": visitor.repeats,
        "removed after an hour": len(orphans),
    }


async def _attachments(http: httpx.AsyncClient, server: Server) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return message id and files of each message of the visitor."""
    request: dict[str, Any] = {"protocol": 1, "session_id": "ada", "limit": 200}
    answer = (await http.post(f"{server.url}/sessions/session_request", json=request)).json()
    messages = answer["messages"]
    while answer["has_more"]:
        before = {"session_id": "ada", "before": messages[0]["seq"], "limit": 200}
        answer = (await http.post(f"{server.url}/sessions/history_request", json=before)).json()
        messages = answer["messages"] + messages
    return [(one["message_id"], one["attachments"]) for one in messages if one["role"] == "user"]


def _stored(root: Path) -> set[str]:
    return {name for _, _, names in os.walk(root / "files") for name in names}


def main() -> None:
    """Run and print the result; exit with 1 if a guarantee was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--uploads", type=int, default=200)
    parser.add_argument("--every", type=float, default=2.0, help="seconds between kills, on average")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        try:
            counts = asyncio.run(
                upload_under_kills(Path(folder), uploads=options.uploads, every_s=options.every, seed=options.seed)
            )
        except AssertionError as error:
            sys.exit(f"broken: {error}")
    print(", ".join(f"{name}: {count}" for name, count in counts.items()))


if __name__ == "__main__":
    main()
