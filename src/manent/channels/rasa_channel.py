"""An adapter for channel classes that were written for Rasa: an `InputChannel` with a Sanic blueprint.

`extensions/points.py` selects `adapt` for classes with a method `blueprint`. The adapter implements `Channel`. It runs
the blueprint in a Sanic application below the server's own routes and submits the messages that the blueprint passes to
`on_new_message`. It sends the committed replies through the message's output channel. The extra `actions` installs
Sanic.
"""

import asyncio
import itertools
import logging
from collections.abc import Sequence
from typing import Any, ClassVar

from engineio.async_drivers import asgi as engineio_asgi
from sanic import Request, Sanic
from sanic.response import HTTPResponse, json
from socketio import ASGIApp
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from manent.channels.inbox import Inbox
from manent.core.conversation_log import LogEntry
from manent.core.errors import RequestError
from manent.core.events import BotUttered, Json
from manent.extensions.finding import Site
from manent.runtime.visitor_messages import spoken

log = logging.getLogger("manent.rasa_channel")

_numbers = itertools.count(1)
"""Sanic requires a different name for each application of a process."""


def adapt(found: Any) -> type["RasaChannel"]:
    """Return a channel class that adapts an `InputChannel` class."""
    return type(found.__name__, (RasaChannel,), {"source": found, "__module__": found.__module__})


class RasaChannel:
    """Implements `Channel` by means of an `InputChannel`.

    Attributes:
        source: the `InputChannel` class.
        channel: the instance of `source`.
    """

    source: ClassVar[Any]

    def __init__(self, channel: Any) -> None:
        self.channel = channel
        self.name: str = channel.name()
        self.output: _Output | None = None
        self.socket_path: str | None = None
        self._inbox: Inbox
        self._sanic: Any = Sanic(f"manent-channel-{next(_numbers)}", configure_logging=False)
        self._sanic.config.TOUCHUP = False  # it rewrites Sanic's classes, which fails for a second application
        self._lifespan: _Lifespan | None = None

    @classmethod
    def from_options(cls, section: Json, _: Site) -> "RasaChannel":
        """Create the channel from its section of `credentials.yml`, as Rasa does."""
        return cls(cls.source.from_credentials(section or None))

    def routes(self, inbox: Inbox) -> Sequence[BaseRoute]:
        """See `Channel.routes`."""
        self._inbox = inbox
        blueprint = self.channel.blueprint(self._on_new_message)
        sio = getattr(blueprint.ctx, "sio", None)
        prefix = f"/webhooks/{str(self.channel.url_prefix()).strip('/')}"
        self._sanic.blueprint(blueprint, url_prefix=prefix)
        if not any(f"/{route.path}".rstrip("/") == prefix for route in self._sanic.router.routes):
            self._sanic.add_route(_health, f"{prefix}/")
        if self.channel.get_output_channel() is not None:
            self.output = _Output(self.channel)
        routes: list[BaseRoute] = [_Below(prefix, self._serve)]
        if sio is not None:
            self.socket_path = f"/{blueprint.ctx.socketio_path.strip('/')}"
            sio.eio._async = engineio_asgi._async  # noqa: SLF001  # classes configure their server for Sanic's sockets
            routes.append(_Below(self.socket_path, ASGIApp(sio, socketio_path=self.socket_path)))
        return routes

    async def open(self) -> None:
        """Run the start listeners and background tasks of the blueprint."""
        self._lifespan = _Lifespan(self._sanic)
        await self._lifespan.start()

    async def close(self) -> None:
        """See `Channel.close`."""
        lifespan, self._lifespan = self._lifespan, None
        if lifespan is not None:
            await lifespan.stop()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._sanic({**scope, "raw_path": scope.get("raw_path") or scope["path"].encode()}, receive, send)

    async def _on_new_message(self, message: Any) -> None:
        """Submit a message, and send each reply through the message's output channel once it is committed.

        Raises:
            RequestError: the message was rejected, or its turn failed.
        """
        if message.text is None:
            raise RequestError("bad_request", "the message has no text")
        output = message.output_channel
        ticket = await self._inbox.take(
            message.sender_id,
            message.text,
            message_id=message.message_id if getattr(message, "has_own_id", False) else None,
            metadata=message.metadata,
            input_channel=message.input_channel or self.name,
            output_channel=output.name(),
            parse_data=message.parse_data,
        )
        await ticket.accepted
        async for entries in self._inbox.follow(ticket):
            await _send(output, ticket.message.sender_id, entries)
        if ticket.error is not None:
            raise ticket.error


async def _health(_: Request) -> HTTPResponse:
    return json({"status": "ok"})


class _Output:
    """Sends messages that no request waits for, through `get_output_channel`. Implements `Output`."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel

    async def send(self, sender_id: str, entries: Sequence[LogEntry]) -> None:
        output = self._channel.get_output_channel()
        if output is None:
            raise RequestError("channel_failed", f"{self._channel.name()} has no output channel now", status=503)
        try:
            await _send(output, sender_id, entries)
        except Exception as error:  # code of the project can raise any exception
            log.exception("a channel could not send a message", extra={"sender_id": sender_id})
            raise RequestError(
                "channel_failed", f"{self._channel.name()} could not send a message", status=502
            ) from error


async def _send(output: Any, sender_id: str, entries: Sequence[LogEntry]) -> None:
    for entry in entries:
        said = spoken(entry.event)
        if said is not None:
            await output.send_response(sender_id, _message(said))


def _message(event: BotUttered) -> Json:
    """Return a bot message with the keys that `send_response` reads.

    An image that is also the attachment occurs once.
    """
    message = {"text": event.text, **{key: value for key, value in event.data.items() if value is not None}}
    if message.get("attachment") is not None and message.get("attachment") == message.get("image"):
        del message["attachment"]
    return message


class _Below(BaseRoute):
    """Passes requests below a path to an ASGI application, without changing the path."""

    def __init__(self, path: str, app: Any) -> None:
        self.path = path
        self.app = app

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        path = scope.get("path", "")
        inside = path == self.path or path.startswith(f"{self.path}/")
        return (Match.FULL if scope["type"] in ("http", "websocket") and inside else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


class _Lifespan:
    """Starts and stops an ASGI application by the lifespan protocol."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._commands: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self._answers: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Run the start listeners.

        Raises:
            RuntimeError: a listener failed.
        """
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        self._task = asyncio.create_task(self._app(scope, self._commands.get, self._answers.put))
        await self._tell("startup")

    async def stop(self) -> None:
        """Run the stop listeners, and cancel the background tasks."""
        await self._tell("shutdown")
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        self._app.shutdown_tasks(0)

    async def _tell(self, what: str) -> None:
        assert self._task is not None  # noqa: S101  # `start` has set it
        await self._commands.put({"type": f"lifespan.{what}"})
        answer = asyncio.create_task(self._answers.get())
        await asyncio.wait((answer, self._task), return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            await self._task  # raises the error that ended the task
            raise RuntimeError(f"the channel's application ended during {what}")
        if answer.result()["type"].endswith("failed"):
            raise RuntimeError(f"the channel's {what} failed: {answer.result().get('message', '')}")
