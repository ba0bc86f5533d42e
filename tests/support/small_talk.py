"""A small assistant for tests: trained once per test run, with actions that tests control, and a server for it."""

import asyncio
import atexit
import contextlib
import functools
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn

from manent.core.conversation_log import LogEntry
from manent.core.errors import ActionError
from manent.core.messages import UserMessage
from manent.dialogue.steps import ActionResult
from manent.runtime.assistant import Assistant
from manent.runtime.conversation.engine import Engine
from manent.runtime.conversation.registry import Conversations
from manent.runtime.conversation.wakeups import Wakeups
from manent.runtime.ports.actions import NEWEST_EVENTS, ActionCall
from manent.runtime.ports.store import ConversationStore
from manent.server.app import Application, build
from manent.server.edge.connections import HttpConnection, WebSocketConnection
from manent.server.loading import load_assistant
from manent.server.options import ServeOptions
from manent.training import TrainingOptions, train
from support.listening import stop_accepting

FILES = {
    "config.yml": """
language: en
pipeline:
- name: WhitespaceTokenizer
- name: KeywordIntentClassifier
- name: RegexEntityExtractor
policies:
- name: RulePolicy
""",
    "domain.yml": """
version: "3.1"
intents: [greet, count, act, name, ping, picture]
entities: [who]
slots:
  who: {type: text, mappings: [{type: from_entity, entity: who}]}
responses:
  utter_greet: [{text: Hello.}]
  utter_count: [{text: "One.\\n\\nTwo.", buttons: [{title: Go on, payload: /count}, {title: Stop, payload: /greet}]}]
  utter_name: [{text: "Hello, {who}."}]
  utter_ping: [{text: Ping.}]
  utter_default: [{text: I do not know.}]
  utter_picture: [{text: Look., image: "https://example.invalid/a.png", custom: {a: 1}}]
actions: [action_work, utter_picture]
""",
    "data/nlu.yml": """
version: "3.1"
nlu:
- intent: greet
  examples: |
    - hello
- intent: count
  examples: |
    - count
- intent: act
  examples: |
    - work
- lookup: who
  examples: |
    - Ada
- intent: name
  examples: |
    - I am [Ada](who)
""",
    "data/rules.yml": """
version: "3.1"
rules:
- rule: greet
  steps: [{intent: greet}, {action: utter_greet}]
- rule: count
  steps: [{intent: count}, {action: utter_count}]
- rule: act
  steps: [{intent: act}, {action: action_work}]
- rule: name
  steps: [{intent: name}, {action: utter_name}]
- rule: picture
  steps: [{intent: picture}, {action: utter_picture}]
- rule: ping
  steps: [{intent: ping}, {action: utter_ping}]
""",
}


def write_project(root: Path, **more: str) -> Path:
    """Write the project's files. `more` are additional files, for example `credentials="rest:"`."""
    for name, content in {**FILES, **{f"{key}.yml": text for key, text in more.items()}}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


@functools.cache
def model_file() -> Path:
    """Return the trained model."""
    root = write_project(Path(tempfile.mkdtemp(prefix="manent-small-talk-")))
    atexit.register(shutil.rmtree, root)
    path = train(TrainingOptions(root=root)).path
    assert path is not None
    return path.absolute()


@functools.cache
def other_model_file() -> Path:
    """Return another trained model, which greets with "Good day."."""
    root = write_project(Path(tempfile.mkdtemp(prefix="manent-small-talk-")))
    atexit.register(shutil.rmtree, root)
    domain = root / "domain.yml"
    domain.write_text(domain.read_text().replace("text: Hello.", "text: Good day."))
    path = train(TrainingOptions(root=root)).path
    assert path is not None
    return path.absolute()


@functools.cache
def assistant() -> Assistant:
    """Return the loaded assistant."""
    return load_assistant(model_file())


@dataclass
class Actions:
    """The custom actions. Each call runs `work`; `calls` are the calls that have begun."""

    work: Callable[[ActionCall], ActionResult] = lambda _: ActionResult(responses=({"text": "Done."},))
    hold: asyncio.Event | None = None
    calls: list[ActionCall] = field(default_factory=list)
    newest_events: int | None = NEWEST_EVENTS

    async def run(self, call: ActionCall) -> ActionResult:
        """Run an action. With `hold`, wait until it is set."""
        self.calls.append(call)
        if self.hold is not None:
            await self.hold.wait()
        return self.work(call)

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""


def failing(_: ActionCall) -> ActionResult:
    """Return an error: the action cannot run."""
    raise ActionError("action_unreachable", "nobody is there")


def home(store: ConversationStore, actions: Actions | None = None) -> Conversations:
    """Return the conversations of one process, without opening the store."""
    return Conversations(Engine(store=store, assistant=assistant(), actions=actions or Actions()))


@contextlib.asynccontextmanager
async def opened(store: ConversationStore, actions: Actions | None = None) -> AsyncIterator[Conversations]:
    """Open the conversations of one process. After the block, tests can still read the store."""
    conversations = home(store, actions)
    wakeups = Wakeups(conversations)
    await conversations.open()
    await wakeups.open()
    try:
        yield conversations
    finally:
        await wakeups.close()
        await conversations.close(within_s=1.0)
        await store.open()


def message(text: str, sender_id: str = "ada", *, message_id: str | None = None) -> UserMessage:
    """Return a message of the visitor."""
    return UserMessage(sender_id=sender_id, text=text, message_id=message_id)


async def say(conversations: Conversations, text: str, sender_id: str = "ada") -> list[LogEntry]:
    """Send a message and return the events that became visible."""
    ticket = conversations.get(sender_id).submit(message(text, sender_id))
    await ticket.accepted
    return await ticket.finished


def shown(entries: list[LogEntry]) -> list[str | None]:
    """Return the texts of visible entries."""
    return [getattr(entry.event, "text", None) for entry in entries]


# a server -------------------------------------------------------------------------------------------------------------


@dataclass
class Running:
    """A server that runs in the event loop of the test."""

    url: str
    application: Application
    root: Path

    @property
    def conversations(self) -> Conversations:
        """Its conversations."""
        return self.application.conversations

    @property
    def channel(self) -> Any:
        """Its Socket.IO channel."""
        return self.application.flush.__self__  # type: ignore[attr-defined]


class _Quiet(uvicorn.Server):
    """A server without signal handlers, which stops without uvicorn's pauses of 0.1 s."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do not install signal handlers."""
        yield

    async def main_loop(self) -> None:
        """Serve until `should_exit` is set."""
        while not await self.on_tick(0):  # noqa: ASYNC110  # uvicorn has no event
            await asyncio.sleep(0.01)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ask all connections to end, wait for them, and end the lifespan."""
        del sockets  # the test closes them
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        for server in self.servers:
            await server.wait_closed()
        await self.lifespan.shutdown()


@contextlib.asynccontextmanager
async def running(
    root: Path,
    *,
    credentials: str = "rest:\nsocketio:\n  session_persistence: true\n",
    endpoints: str = "",
    actions: Actions | None = None,
    port: int = 0,
    short_way: bool = True,
    **options: object,
) -> AsyncIterator[Running]:
    """Serve the assistant from a folder, on a free port or a given one.

    Without the fast path, the server uses uvicorn's WebSockets, which do not offer `Wire`.
    """
    (root / "credentials.yml").write_text(credentials)
    (root / "endpoints.yml").write_text(endpoints)
    application = build(ServeOptions(root=root, **{"model": model_file(), **options}))  # type: ignore[arg-type]
    application.conversations.engine.actions = actions or Actions()
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    ways: dict[str, Any] = (
        {"http": HttpConnection, "ws": WebSocketConnection} if short_way else {"ws": "websockets-sansio"}
    )
    config = uvicorn.Config(
        application.asgi, log_config=None, lifespan="on", access_log=False, ws_per_message_deflate=False, **ways
    )
    server = _Quiet(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not server.started:
            if serving.done():
                serving.result()
            await asyncio.sleep(0.01)
        yield Running(url=f"http://127.0.0.1:{listening.getsockname()[1]}", application=application, root=root)
    finally:
        await stop_accepting(listening)
        server.should_exit = True
        server.force_exit = False
        await serving
        listening.close()


async def until(condition: Callable[[], bool], *, timeout_s: float = 30.0) -> None:
    """Poll until a condition is true."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110  # a condition has no event to wait for
            await asyncio.sleep(0.005)
