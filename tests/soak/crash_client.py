"""Clients for `crash.py`, which send and record raw Engine.IO frames.

They are written from the protocol's documentation, and share no code with the product or its client. A `Visitor` has
one conversation, one tab that sends messages and one that only receives. Each tab reconnects to any server that
answers, and requests the events after its cursor. `record` contains every frame, and `crash_judge.py` uses only these
frames. The clients interpret frames only to decide what to send next.
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
"""Message of a visitor → number of messages in the assistant's answer."""


@dataclass(slots=True)
class Frame:
    """A frame that was sent or received. If `way` is `lost`, the connection was lost and there is no text."""

    way: str
    text: str = ""


@dataclass(slots=True)
class Sent:
    """A message of a visitor, and its result."""

    message_id: str
    text: str
    epoch: str | None
    seq: int | None = None
    dropped: bool = False
    attempts: int = 0


class Tab:
    """A socket that uses protocol 1 and reconnects."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        urls: Sequence[str],
        session_id: str,
        rng: random.Random,
        accepts: Sequence[str] = (),
    ) -> None:
        self.http, self.urls, self.session_id, self.rng = http, urls, session_id, rng
        self.accepts = list(accepts)
        self.record: list[Frame] = []
        self.epoch: str | None = None
        self.cursor = 0
        self.joined = asyncio.Event()
        self.closing = False
        self.refused_joins = 0
        self._parts: dict[int, set[str]] = {}
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._numbers = 0
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._task = asyncio.create_task(self._live())

    async def request(self, name: str, payload: dict[str, Any], timeout_s: float = 4.0) -> Any:
        """Send a request and return its answer; raise ConnectionError if no answer arrives in time."""
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
        """Close the connection and do not reconnect."""
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
        """Request the part of the conversation after the cursor. Request it again until the server answers it."""
        payload: dict[str, Any] = {"protocol": 1, "session_id": self.session_id, "limit": 200}
        if self.accepts:
            payload["accepts"] = self.accepts
        socket = self._socket
        while socket is not None and socket is self._socket:
            if self.epoch is not None:
                payload["cursor"] = {"epoch": self.epoch, "seq": self.cursor}
            with contextlib.suppress(ConnectionError):
                if (await self.request("session_request", payload))["ok"]:
                    return
                self.refused_joins += 1
            await asyncio.sleep(0.1)

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
        elif name in ("bot_uttered", "user_uttered", "agent_uttered"):
            got = self._parts.setdefault(data["seq"], set())
            got.add(data["id"])
            if len(got) == data["parts"]:
                self._parts.pop(data["seq"])
                self.cursor = max(self.cursor, data["seq"])


@dataclass(slots=True)
class Visitor:
    """A conversation with one tab that sends messages and one that only receives."""

    speaker: Tab
    listener: Tab
    rng: random.Random
    sent: list[Sent] = field(default_factory=list)
    erased: int = 0

    async def live(self, stop: asyncio.Event, erase_chance: float) -> None:
        """Send one message after the other. Send each again until the server acknowledges or rejects it."""
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
        """Send a message until the server acknowledges it or rejects it permanently."""
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
                # as a test of duplicates, send a tenth of the messages again although they were acknowledged
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
    """A Rasa page. It has no cursor, does not acknowledge messages, and sends unacknowledged messages again."""

    http: aiohttp.ClientSession
    urls: Sequence[str]
    session_id: str
    rng: random.Random
    sent: list[Sent] = field(default_factory=list)
    record: list[Frame] = field(default_factory=list)

    async def live(self, stop: asyncio.Event, end: asyncio.Event) -> None:
        """Send messages until `stop` is set, then receive until `end` is set."""
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
