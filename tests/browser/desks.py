"""A server of the desk's page and API that keeps its conversations in memory, for the tests of the page.

The page is the built one. A test changes the conversations, sends events, cuts the streams and lets requests fail,
which a real server does only by chance. `tests/journeys/test_desk.py` runs the page with real servers.
"""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from manent.channels.socketio.options import SocketIoOptions
from manent.core.events import Json
from manent.server import page
from support.ports import free_port

ME = {"id": "me", "name": "Me Myself"}
ADA = {"id": "ada", "name": "Ada"}
NOW = time.time()


@dataclass
class Talk:
    """One conversation."""

    sender_id: str
    handler: str = "bot"
    operator: Json | None = None
    waiting_since: float | None = None
    closed_at: float | None = None
    channel: str = "socketio"
    labels: list[str] = field(default_factory=list)
    unread: int = 0
    fallback_rate: float = 0.0
    messages: list[Json] = field(default_factory=list)
    slots: Json = field(default_factory=dict)
    active_loop: str | None = None
    accepted: set[str] = field(default_factory=set)

    @property
    def seq(self) -> int:
        """Number of the newest event."""
        newest: int = self.messages[-1]["seq"] if self.messages else 1
        return newest

    def add(self, role: str, text: str, *, ago: float = 0.0, **more: Any) -> Json:
        """Append a message, written `ago` seconds before now."""
        key = "message" if role == "user" else "text"
        said: Json = {"role": role, "seq": self.seq + 2, "parts": 1, "prev": self.seq, key: text}
        said |= {"id": f"{said['seq']}.0", "timestamp": time.time() - ago, **more}
        if role == "user":
            said.setdefault("message_id", f"v{said['seq']}")
        self.messages.append(said)
        return said

    def head(self) -> Json:
        """Return the head as answers contain it."""
        names = ("operator", "waiting_since", "closed_at")
        optional = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return {"sender_id": self.sender_id, "epoch": "e", "seq": self.seq, "handler": self.handler, **optional}

    def row(self) -> Json:
        """Return the conversation's entry in the list, without `unread`."""
        said = [one for one in self.messages if one["role"] in ("user", "bot", "agent")]
        last = None
        if said:
            text = said[-1].get("message") or said[-1].get("text") or ""
            last = {"role": said[-1]["role"], "text": text, "timestamp": said[-1]["timestamp"]}
        preview = next((one["message"] for one in reversed(said) if one["role"] == "user"), "")
        head = {key: value for key, value in self.head().items() if key not in ("epoch", "seq")}
        more = {"labels": self.labels, "channel": self.channel, "fallback_rate": self.fallback_rate}
        return {**head, **more, "last": last, "preview": preview, "updated": last["timestamp"] if last else NOW}


class DeskServer:
    """Serves the page and the API on a port of this machine.

    Attributes:
        role: the role of whoever is signed in; None: nobody is.
        failing: requests whose path contains this text get the status 503.
        members: the answer of `/members`.
        requests: changes, as the last part of the path and the body.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.talks: dict[str, Talk] = {}
        self.role: str | None = "admin"
        self.failing: str | None = None
        self.members = [
            {**ME, "role": "admin", "handles": True, "present": True},
            {**ADA, "role": "operator", "handles": True, "present": True},
            {"id": "bo", "name": "Bo", "role": "operator", "handles": True, "present": False},
        ]
        self.canned = {"hours": "We are open from 9 to 18, {name}.", "bye": "Goodbye! {operator}"}
        self.unreviewed: list[Json] = []
        self.numbers: Json = {}
        self.requests: list[tuple[str, Json]] = []
        self.streams = 0
        self._news: list[tuple[str, Json]] = []
        self._cut = 0
        self._server: uvicorn.Server | None = None

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://127.0.0.1:{self.port}/desk"

    # what a test does -----------------------------------------------------------------------------------------------

    def talk(self, sender_id: str, handler: str = "bot", **more: Any) -> Talk:
        """Add a conversation."""
        self.talks[sender_id] = Talk(sender_id, handler, **more)
        return self.talks[sender_id]

    def tell(self, kind: str, data: Json) -> None:
        """Send an event to the pages."""
        self._news.append((kind, data))

    def changed(self, talk: Talk) -> None:
        """Send the head and the row of a conversation."""
        self.tell("conversation", {"head": talk.head(), "conversation": talk.row()})

    def says(self, talk: Talk, role: str, text: str, **more: Any) -> Json:
        """Append a message and send it."""
        said = talk.add(role, text, **more)
        self.tell("message", {"sender_id": talk.sender_id, "messages": [said], "conversation": talk.row()})
        return said

    def queue(self, talk: Talk) -> None:
        """Let the visitor wait for an operator."""
        talk.handler, talk.waiting_since = "queue", time.time()
        self.changed(talk)

    def cut(self) -> None:
        """End all streams. The pages open new streams."""
        self._cut += 1

    def done(self, name: str) -> list[Json]:
        """Return the bodies of the changes with this name."""
        return [body for kind, body in self.requests if kind == name]

    def start(self) -> None:
        """Start the server, and return when the port is open."""
        static = page.routes(SocketIoOptions(), desk=True)
        routes = [Route("/desk/api/v1/{path:path}", self._serve, methods=["GET", "POST", "PUT"]), *static]
        config = uvicorn.Config(Starlette(routes=routes), "127.0.0.1", self.port, log_level="error", lifespan="off")
        self._server = uvicorn.Server(config)
        threading.Thread(target=self._server.run, daemon=True).start()
        until = time.monotonic() + 20
        while not self._server.started:
            assert time.monotonic() < until, "the server did not start"
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop the server."""
        if self._server is not None:
            self._server.force_exit = self._server.should_exit = True

    # requests -------------------------------------------------------------------------------------------------------

    async def _serve(self, request: Request) -> Response:
        path = bytes(request.scope["raw_path"]).decode().partition("/api/v1/")[2]
        if self.failing is not None and self.failing in path:
            return JSONResponse({"ok": False, "error": {"code": "busy", "message": "busy"}}, 503)
        if self.role is None:
            return _refused(401, "not_authenticated", "you are not signed in")
        if request.method != "GET":
            assert request.headers["x-csrf-token"] == "secret"
        segments = [unquote(segment) for segment in path.split("/")]
        if segments[0] == "conversations" and len(segments) > 1:
            return await self._conversation(request, segments)
        if path == "events":
            return self._events(request)
        answers: dict[str, Callable[[Request], Any]] = {
            "me": lambda _: {"operator": ME, "role": self.role, "csrf": "secret"},
            "conversations": self._list,
            "members": lambda _: {"members": self.members},
            "canned": lambda _: {"canned": [{"key": key, "text": text} for key, text in self.canned.items()]},
            "search": self._search,
            "review/messages": lambda _: {"messages": self.unreviewed, "intents": ["book", "greet", "hours"]},
            "numbers": lambda _: self.numbers,
        }
        if path in answers:
            return JSONResponse(answers[path](request))
        body = await request.json() if await request.body() else {}
        self.requests.append((segments[-1] if segments[0] != "canned" else "canned", body))
        if segments[0] == "canned":
            self.canned[segments[1]] = body["text"]
        if path == "review/annotations":
            self.unreviewed = [one for one in self.unreviewed if one["text"] != body["text"]]
        if path == "sign_out":
            self.role = None
        return JSONResponse({"ok": True})

    def _list(self, request: Request) -> Json:
        given = request.query_params
        found = [
            talk
            for talk in self.talks.values()
            if given.get("handler", talk.handler) == talk.handler
            and given.get("operator") in (None, (talk.operator or {}).get("id"))
            and given.get("label") in (None, *talk.labels)
            and given.get("channel") in (None, talk.channel)
        ]
        return {"conversations": [{**talk.row(), "unread": talk.unread} for talk in found]}

    def _search(self, request: Request) -> Json:
        wanted = request.query_params["q"].lower()
        hits = [
            {"sender_id": talk.sender_id, "seq": one["seq"], "role": one["role"], "timestamp": one["timestamp"],
             "snippet": one.get("message") or one.get("text")}
            for talk in self.talks.values()
            for one in talk.messages
            if wanted in (one.get("message") or one.get("text") or "").lower()
        ]  # fmt: skip
        return {"hits": hits}

    async def _conversation(self, request: Request, segments: list[str]) -> Response:
        talk = self.talks.get(segments[1])
        if talk is None:
            return _refused(404, "unknown_conversation", "unknown conversation id")
        if request.method == "GET":
            before = int(request.query_params.get("before", 1 << 60))
            limit = int(request.query_params.get("limit", 50))
            older = [one for one in talk.messages if one["seq"] < before]
            shown = {"messages": older[-limit:], "has_more": len(older) > limit, "labels": talk.labels}
            context = {"slots": talk.slots, "active_loop": talk.active_loop, "channel": talk.channel}
            return JSONResponse({"head": talk.head(), **shown, **context})
        name = segments[2]
        body = await request.json() if await request.body() else {}
        self.requests.append((name, body))
        if name == "test":
            return PlainTextResponse("stories: []\n", media_type="application/yaml")
        if talk.operator not in (None, ME) and name in ("take", "say", "hand_back", "close"):
            conflict = {"ok": False, "error": {"code": "handler_conflict", "message": "'Ada' handles the conversation"}}
            return JSONResponse({**conflict, "head": talk.head()}, 409)
        self._change(talk, name, body)
        return JSONResponse({"ok": True, "head": talk.head()})

    def _change(self, talk: Talk, name: str, body: Json) -> None:
        before = (talk.handler, talk.operator, list(talk.labels))
        if name == "say" and body["message_id"] not in talk.accepted:
            talk.accepted.add(body["message_id"])
            talk.handler, talk.operator, talk.waiting_since = "human", ME, None
            self.says(talk, "agent", body["text"], operator=ME)
        elif name == "take" or (name == "assign" and body["operator"] == "me"):
            talk.handler, talk.operator, talk.waiting_since = "human", ME, None
        elif name in ("hand_back", "close"):
            talk.handler, talk.operator, talk.waiting_since = "bot", None, None
            talk.closed_at = time.time() if name == "close" else None
        elif name == "note":
            self.says(talk, "note", body["text"], operator=ME)
        elif name == "labels":
            talk.labels = [one for one in [*talk.labels, *body["add"]] if one not in body["remove"]]
        if before != (talk.handler, talk.operator, talk.labels):
            self.changed(talk)

    def _events(self, request: Request) -> Response:
        last = request.headers.get("last-event-id")
        return StreamingResponse(
            self._stream(len(self._news) if last is None else int(last)), media_type="text/event-stream"
        )

    async def _stream(self, position: int) -> AsyncIterator[str]:
        self.streams += 1
        cut = self._cut
        present = {"operators": [ME, {**ADA, "viewing": None}]}
        yield f"id: {position}\nevent: presence\ndata: {json.dumps(present)}\n\n"
        while cut == self._cut and self._server is not None and not self._server.should_exit:
            while position < len(self._news):
                kind, data = self._news[position]
                position += 1
                yield f"id: {position}\nevent: {kind}\ndata: {json.dumps(data)}\n\n"
            await asyncio.sleep(0.02)
        self.streams -= 1


def _refused(status: int, code: str, message: str) -> Response:
    return JSONResponse({"ok": False, "error": {"code": code, "message": message}}, status)


def sample_numbers(days: int = 28) -> Json:
    """Return the numbers of a busy month."""
    today = int(time.time() // 86_400) * 86_400
    buckets = [
        {
            "start": today - (days - 1 - day) * 86_400,
            "conversations": 40 + (day * 37) % 60 - (25 if day % 7 in (5, 6) else 0),
            "visitors": 35 + (day * 29) % 50 - (20 if day % 7 in (5, 6) else 0),
            "messages": {"user": 200 + (day * 91) % 150, "bot": 260 + (day * 71) % 150, "agent": 20 + day % 9},
            "containment": None if day == 3 else 0.72 + (day * 13 % 17) / 100,
            "fallback_rate": 0.05 + (day * 7 % 11) / 100,
            "handoffs": 4 + day * 5 % 9,
            "waiting": {"count": 5, "median": 22.0 + day * 17 % 60, "p95": 150.0},
            "response": {"count": 5, "median": 14.0 + day % 20, "p95": 95.0},
            "rating": None if day % 7 == 6 else 3.6 + (day * 3 % 13) / 10,
        }
        for day in range(days)
    ]
    totals = {**buckets[-1], "conversations": 1463, "handoffs": 224}
    intents = ["opening_hours", "book_table", "greet", "thank", "cancel_booking", "menu", "nlu_fallback"]
    return {
        "totals": totals,
        "buckets": buckets,
        "intents": [{"intent": name, "count": 412 // (index + 1)} for index, name in enumerate(intents)],
        "forms": [
            {"form": "booking_form", "slot": "people", "asked": 210, "answered": 201, "dropped": 9},
            {"form": "booking_form", "slot": "date", "asked": 201, "answered": 164, "dropped": 37},
            {"form": "booking_form", "slot": "email", "asked": 164, "answered": 92, "dropped": 72},
        ],
    }
