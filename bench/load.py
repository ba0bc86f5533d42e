"""Generate load over raw Engine.IO frames or REST, with much less CPU than the server needs.

It uses only Rasa's plain protocol (`session_request`, `user_uttered`, `bot_uttered`, and the REST webhook). It can
therefore measure any server that supports this protocol.
"""

import asyncio
import json
import random
import statistics
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import aiohttp
from servers import Running

PHRASES = ("hello", "bye", "are you a bot?", "hi there", "good morning")
"""Messages to the assistant of `manent init`. A number is appended to each."""

OTHER_TAB_S = 10.0
"""Maximum time in seconds from a reply in the visitor's own tab until it arrives in the other tab."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The results of a run: turns per second, latencies in ms, server CPU in µs per turn, and cores used.

    `other_p50_ms` and `other_p99_ms` are the times from the arrival of a reply in the visitor's own tab until its
    arrival in the visitor's tab on another server. They are 0 if there is no other tab.
    """

    turns: int
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    cores: float
    other_p50_ms: float = 0.0
    other_p99_ms: float = 0.0

    @property
    def per_core(self) -> float:
        """Number of turns per second of the server's CPU time."""
        return 1e6 / self.cpu_us if self.cpu_us else 0.0


class Talker:
    """A socket with its own conversation."""

    def __init__(self, http: aiohttp.ClientSession, url: str, session_id: str | None = None) -> None:
        self.http = http
        self.replied: list[float] = []  # values of time.perf_counter() at which replies arrived
        self.session_id = session_id
        self.url = url.replace("http", "ws", 1) + "/socket.io/?EIO=4&transport=websocket"

    async def open(self) -> Self:
        """Connect and request a session."""
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
        """Disconnect."""
        await self.socket.close()

    async def _frame(self, prefix: str, within_s: float = 30.0) -> str:
        async with asyncio.timeout(within_s):
            while True:
                frame = await self.socket.receive_str()
                if frame.startswith('42["bot_uttered"'):
                    self.replied.append(time.perf_counter())
                if frame == "2":
                    await self.socket.send_str("3")
                elif frame.startswith('42["error"'):
                    raise RuntimeError(frame)
                elif frame.startswith(prefix):
                    return frame


class OtherTab(Talker):
    """Another tab of a `Talker`, which only receives. It uses protocol 1, which is written for several tabs."""

    async def open(self) -> Self:
        """Connect and join the session."""
        self.socket = await self.http.ws_connect(self.url, max_msg_size=0)
        await self._frame("0")
        await self.socket.send_str("40")
        await self._frame("40")
        request = json.dumps(["session_request", {"protocol": 1, "session_id": self.session_id}])
        await self.socket.send_str(f"421{request}")
        await self._frame("431")
        return self

    async def listen(self) -> None:
        """Receive the replies to messages of another tab, until the task is cancelled."""
        while True:
            await self._frame('42["bot_uttered"')


class RestTalker:
    """A conversation over REST."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self.http = http
        self.url = f"{url}/webhooks/rest/webhook"
        self.sender = uuid.uuid4().hex

    async def open(self) -> Self:
        """Do nothing: REST needs no connection."""
        return self

    async def ask(self, text: str) -> float:
        """Send a message; return the seconds until the whole answer."""
        started = time.perf_counter()
        async with self.http.post(self.url, json={"sender": self.sender, "message": text}) as answer:
            answer.raise_for_status()
            assert await answer.json(content_type=None), "no answer"
        return time.perf_counter() - started

    async def close(self) -> None:
        """Do nothing: there is no connection."""


class Conversation(Protocol):
    """The common interface of `Talker` and `RestTalker`."""

    async def open(self) -> Self:
        """Connect."""
        ...

    async def ask(self, text: str, /) -> float:
        """Send a message; return the seconds until the answer."""
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...


Channel = Callable[[aiohttp.ClientSession, str], Conversation]


async def run(
    server: Running,
    *,
    conversations: int,
    seconds: float,
    phrases: Sequence[str] = PHRASES,
    over: Channel = Talker,
    visit: int = 0,
    pause_s: float = 0.0,
    other: Running | None = None,
) -> Result:
    """Send messages in several conversations at once. Each message is a new text.

    Args:
        server: receives the messages.
        conversations: the number of concurrent conversations.
        seconds: the time after which the program stops sending messages.
        phrases: the messages, which are sent one after another. A number is appended to each message.
        over: the channel.
        visit: the number of messages after which a new visitor replaces a visitor. 0: all visitors stay.
        pause_s: average time for which a visitor waits before the next message.
        other: a server of the same store on which each visitor has another tab.

    Raises:
        TimeoutError: a reply did not arrive in the other tab within `OTHER_TAB_S`.
    """
    latencies: list[float] = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        talkers = [await over(http, server.url).open() for _ in range(conversations)]
        others = [] if other is None else [await OtherTab(http, other.url, one.session_id).open() for one in talkers]
        listening = [asyncio.create_task(one.listen()) for one in others]
        for talker in talkers:
            await talker.ask(phrases[0])
        stop = time.perf_counter() + seconds
        before, started = server.cpu_s(), time.perf_counter()

        async def talk(number: int) -> None:
            count = 0
            while time.perf_counter() < stop:
                if visit and count and count % visit == 0:
                    await talkers[number].close()
                    talkers[number] = await over(http, server.url).open()
                phrase = phrases[count % len(phrases)]
                latencies.append(await talkers[number].ask(f"{phrase} {number * 100_000 + count}"))
                count += 1
                if pause_s:
                    await asyncio.sleep(2 * pause_s * random.random())

        await asyncio.gather(*map(talk, range(conversations)))
        wall, cpu = time.perf_counter() - started, server.cpu_s() - before
        behind = await _behind(talkers, others)
        for task in listening:
            task.cancel()
        for one in [*talkers, *others]:
            await one.close()
    ordered = sorted(latencies)
    return Result(
        turns=len(latencies),
        per_second=len(latencies) / wall,
        p50_ms=statistics.median(ordered) * 1000,
        p99_ms=ordered[int(len(ordered) * 0.99)] * 1000,
        cpu_us=1e6 * cpu / len(latencies),
        cores=cpu / wall,
        other_p50_ms=statistics.median(behind) * 1000,
        other_p99_ms=behind[int(len(behind) * 0.99)] * 1000,
    )


async def run_on_all(
    servers: Sequence[Running],
    *,
    conversations: int,
    seconds: float,
    pause_s: float = 0.0,
    other_tabs: bool = False,
) -> Result:
    """Send messages to several servers at once, with an equal part of the conversations on each. Return the sums.

    Latencies are the highest of any server.

    Args:
        servers: the servers, which use one store.
        conversations: the number of concurrent conversations in total.
        seconds: as in `run`.
        pause_s: as in `run`.
        other_tabs: whether each visitor has another tab, on the next server.

    Raises:
        ValueError: there are more servers than conversations.
    """
    each = conversations // len(servers)
    if each == 0:
        raise ValueError(f"{conversations} conversations are fewer than {len(servers)} servers")
    next_servers = [*servers[1:], servers[0]] if other_tabs else [None] * len(servers)
    found = await asyncio.gather(
        *(
            run(server, conversations=each, seconds=seconds, pause_s=pause_s, other=other)
            for server, other in zip(servers, next_servers, strict=True)
        )
    )
    turns = sum(one.turns for one in found)
    return Result(
        turns=turns,
        per_second=sum(one.per_second for one in found),
        p50_ms=max(one.p50_ms for one in found),
        p99_ms=max(one.p99_ms for one in found),
        cpu_us=sum(one.cpu_us * one.turns for one in found) / turns,
        cores=sum(one.cores for one in found),
        other_p50_ms=max(one.other_p50_ms for one in found),
        other_p99_ms=max(one.other_p99_ms for one in found),
    )


async def _behind(talkers: Sequence[Talker], others: Sequence[Talker]) -> list[float]:
    """Return the seconds after which each reply arrived in the other tab, in ascending order."""
    behind = [0.0]
    for talker, other in zip(talkers, others, strict=False):
        async with asyncio.timeout(OTHER_TAB_S):
            while len(other.replied) < len(talker.replied):  # noqa: ASYNC110 - only once, after the measurement
                await asyncio.sleep(0.01)
        pairs = zip(talker.replied, other.replied, strict=True)
        behind += [there - here for here, there in pairs]
    return sorted(behind)
