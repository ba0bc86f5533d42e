"""Clients for `crash.py`: raw Engine.IO frames, written from the protocol's text alone and recorded as they come.

They share no code with the product or its client. A `Visitor` has one conversation, one tab that speaks and one
that only listens; each tab reconnects to any server that answers, and asks for what comes after its cursor. What went
over the wire is kept frame by frame in `record`, from which `crash_judge.py` judges; what the clients themselves make
of it only keeps them talking.
"""

import asyncio
import contextlib
import json
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

REPLY_PARTS = {"hello": 1, "tale": 3, "count": 1}
"""What visitors say, and how many messages the assistant answers it with."""


@dataclass(slots=True)
class Frame:
    """What went over the wire: `way` is sent, received, or lost (the connection; then without text)."""

    way: str
    text: str = ""


@dataclass(slots=True)
class Sent:
    """A message of a visitor, and what became of it."""

    message_id: str
    text: str
    epoch: str | None
    seq: int | None = None
    dropped: bool = False
    attempts: int = 0


class Tab:
    """One protocol-1 socket that comes back."""

    def __init__(self, http: aiohttp.ClientSession, urls: Sequence[str], session_id: str, rng: random.Random) -> None:
        self.http, self.urls, self.session_id, self.rng = http, urls, session_id, rng
        self.record: list[Frame] = []
        self.epoch: str | None = None
        self.cursor = 0
        self.joined = asyncio.Event()
        self.closing = False
        self._parts: dict[int, set[str]] = {}
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._numbers = 0
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._task = asyncio.create_task(self._live())

    async def request(self, name: str, payload: dict[str, Any], timeout_s: float = 4.0) -> Any:
        """Send a request and return its answer; ConnectionError when there is none in time."""
        if self._socket is None or self._socket.closed:
            raise ConnectionError("not connected")
        number, self._numbers = self._numbers, self._numbers + 1
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        frame = f"42{number}{json.dumps([name, payload])}"
        self.record.append(Frame("sent", frame))
        try:
            await self._socket.send_str(frame)
            async with asyncio.timeout(timeout_s):
                return await answer
        except (TimeoutError, OSError, RuntimeError) as error:
            raise ConnectionError(str(error)) from error
        finally:
            self._answers.pop(number, None)

    async def close(self) -> None:
        """Leave for good."""
        self.closing = True
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _live(self) -> None:
        while not self.closing:
            url = self.rng.choice(self.urls).replace("http", "ws", 1) + "/socket.io/?EIO=4&transport=websocket"
            with contextlib.suppress(OSError, aiohttp.ClientError, TimeoutError, ConnectionError):
                async with self.http.ws_connect(url, timeout=aiohttp.ClientWSTimeout(ws_close=1.0)) as socket:
                    self._socket = socket
                    await self._listen(socket)
            self.record.append(Frame("lost"))
            self.joined.clear()
            self._socket = None
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(ConnectionError("lost"))
                    answer.exception()
            await asyncio.sleep(0.05 + self.rng.random() * 0.2)

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        joining: asyncio.Task[None] | None = None
        async for message in socket:
            frame = message.data
            if not isinstance(frame, str):
                continue
            self.record.append(Frame("received", frame))
            if frame.startswith("0"):
                await socket.send_str("40")
            elif frame.startswith("40"):
                joining = asyncio.create_task(self.join())
            elif frame == "2":
                await socket.send_str("3")
            elif frame.startswith("43"):
                head, _, body = frame[2:].partition("[")
                self._answered(int(head), json.loads("[" + body)[0])
            elif frame.startswith("42"):
                name, *arguments = json.loads(frame[2:])
                self._event(name, arguments[0] if arguments else None)
        if joining is not None:
            joining.cancel()
            await asyncio.gather(joining, return_exceptions=True)

    async def join(self) -> None:
        """Ask for the conversation after the cursor."""
        payload: dict[str, Any] = {"protocol": 1, "session_id": self.session_id, "limit": 200}
        if self.epoch is not None:
            payload["cursor"] = {"epoch": self.epoch, "seq": self.cursor}
        with contextlib.suppress(ConnectionError):
            await self.request("session_request", payload)

    def _answered(self, number: int, answer: Any) -> None:
        waiting = self._answers.get(number)
        if isinstance(answer, dict) and "messages" in answer and "epoch" in answer:
            self._joined(answer)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    def _joined(self, answer: dict[str, Any]) -> None:
        if answer["epoch"] != self.epoch:
            self.epoch, self.cursor = answer["epoch"], 0
        self.cursor = max(self.cursor, answer["seq"])
        self._parts.clear()
        self.joined.set()

    def _event(self, name: str, data: Any) -> None:
        if name == "session_changed":
            self.epoch, self.cursor = None, 0
            self._again = asyncio.create_task(self.join())
        elif name in ("bot_uttered", "user_uttered"):
            got = self._parts.setdefault(data["seq"], set())
            got.add(data["id"])
            if len(got) == data["parts"]:
                self._parts.pop(data["seq"])
                self.cursor = max(self.cursor, data["seq"])


@dataclass(slots=True)
class Visitor:
    """A conversation with a tab that speaks and one that listens."""

    speaker: Tab
    listener: Tab
    rng: random.Random
    sent: list[Sent] = field(default_factory=list)
    erased: int = 0

    async def live(self, stop: asyncio.Event, erase_chance: float) -> None:
        """Talk, one message after the other, each resent until it is answered for."""
        while not stop.is_set():
            await self.speaker.joined.wait()
            if self.rng.random() < erase_chance:
                await self._erase()
                continue
            message = Sent(uuid.uuid4().hex, self.rng.choice([*REPLY_PARTS, "count"]), self.speaker.epoch)
            self.sent.append(message)
            await self.send(message)
            await asyncio.sleep(self.rng.random() * 0.15)

    async def send(self, message: Sent) -> None:
        """Send until the server says that it has the message, or that it never will."""
        while message.seq is None and not message.dropped:
            await self.speaker.joined.wait()
            message.attempts += 1
            payload = {
                "session_id": self.speaker.session_id,
                "message": message.text,
                "message_id": message.message_id,
                "epoch": message.epoch,
            }
            try:
                answer = await self.speaker.request("user_uttered", payload)
            except ConnectionError:
                await asyncio.sleep(0.05)
                continue
            if answer["ok"]:
                message.seq = answer["seq"]
                # the harshest client: a tenth of the messages is sent once more although it was acknowledged
                if self.rng.random() < 0.1:
                    with contextlib.suppress(ConnectionError):
                        await self.speaker.request("user_uttered", payload)
            elif answer["error"]["code"] == "conversation_changed":
                message.dropped = True
            else:
                await asyncio.sleep(min(0.3, answer["error"].get("retry_after") or 0.1))

    async def _erase(self) -> None:
        epoch = self.speaker.epoch
        with contextlib.suppress(ConnectionError):
            answer = await self.speaker.request("session_erase", {"session_id": self.speaker.session_id})
            if answer.get("ok"):
                self.erased += 1
        await asyncio.sleep(0.1)
        await self.speaker.join()
        if self.speaker.epoch != epoch:
            self.sent = [message for message in self.sent if message.epoch == self.speaker.epoch]


@dataclass(slots=True)
class Plain:
    """A Rasa page: no cursor, no acknowledgement of what it receives; it resends what was not acknowledged."""

    http: aiohttp.ClientSession
    urls: Sequence[str]
    session_id: str
    rng: random.Random
    sent: list[Sent] = field(default_factory=list)
    record: list[Frame] = field(default_factory=list)

    async def live(self, stop: asyncio.Event, end: asyncio.Event) -> None:
        """Talk until told to stop, then listen until the end."""
        waiting: Sent | None = None
        while not end.is_set():
            url = self.rng.choice(self.urls).replace("http", "ws", 1) + "/socket.io/?EIO=4&transport=websocket"
            with contextlib.suppress(OSError, aiohttp.ClientError, TimeoutError, ConnectionError):
                async with self.http.ws_connect(url, timeout=aiohttp.ClientWSTimeout(ws_close=1.0)) as socket:
                    while not end.is_set():
                        frame = (await socket.receive(timeout=6)).data
                        if not isinstance(frame, str):
                            break
                        self.record.append(Frame("received", frame))
                        if frame.startswith("0"):
                            await socket.send_str("40")
                        elif frame.startswith("40"):
                            request = json.dumps(["session_request", {"session_id": self.session_id}])
                            await socket.send_str(f"42{request}")
                        elif frame == "2":
                            await socket.send_str("3")
                        elif frame.startswith(('42["session_confirm"', "43")):
                            if frame.startswith("43") and waiting is not None and frame.endswith("[]"):
                                waiting.seq = 1
                                waiting = None
                                await asyncio.sleep(self.rng.random() * 0.15)
                            if waiting is None and not stop.is_set():
                                waiting = Sent(uuid.uuid4().hex, self.rng.choice(list(REPLY_PARTS)), None)
                                self.sent.append(waiting)
                            if waiting is not None:
                                body = {"session_id": self.session_id, "message": waiting.text}
                                message = ["user_uttered", {**body, "message_id": waiting.message_id}]
                                await socket.send_str(f"421{json.dumps(message)}")
            await asyncio.sleep(0.1)
