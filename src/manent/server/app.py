"""Assembles the server: reads the configuration, and builds the parts.

Only this module imports all parts. `serving.py` runs the application that `build` returns.
"""

import contextlib
import logging
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute

from manent.actions.opening import open_actions, open_generator
from manent.brokers.opening import open_broker
from manent.channels.opening import Channels, open_channels
from manent.core.errors import ManentError, ModelError
from manent.dialogue.steps import Handoff
from manent.extensions.model_code import trust_model_code
from manent.files.opening import open_files
from manent.models.archive import find_model
from manent.project.settings.credentials import read_credentials
from manent.project.settings.desk import DeskOptions
from manent.project.settings.endpoints import Endpoints, read_endpoints
from manent.project.settings.locating import located
from manent.runtime.assistant import Assistant
from manent.runtime.background.publishing import Publisher
from manent.runtime.background.queue_timeouts import QueueTimeouts
from manent.runtime.background.rate_sharing import RateSharing
from manent.runtime.background.reminders import Reminders
from manent.runtime.background.retention import Retention
from manent.runtime.conversation.engine import Engine
from manent.runtime.conversation.registry import Conversations
from manent.runtime.conversation.wakeups import Wakeups
from manent.runtime.identity.revocations import Revocations
from manent.runtime.identity.tokens import SECURE_KEY
from manent.runtime.leases import LEASE_S
from manent.runtime.loops import delay_meter
from manent.runtime.metrics import Metrics
from manent.runtime.ports.actions import ActionRunner
from manent.runtime.ports.store import ConversationStore
from manent.runtime.protocol1 import Sessions
from manent.runtime.spans import NO_SPANS
from manent.server import demo, page
from manent.server.api import admin, errors, evaluation, files, health, metrics, openapi, sessions
from manent.server.api import conversations as conversation_routes
from manent.server.api.auth import Guard
from manent.server.api.model import ModelApi
from manent.server.edge import cors
from manent.server.edge.limits import rates_of, read_limits
from manent.server.edge.security import Gate
from manent.server.edge.shutdown import Shutdown
from manent.server.edge.slashes import TrailingSlashes
from manent.server.loading import load_assistant
from manent.server.models.sources import open_source
from manent.server.models.switching import SharedModel
from manent.server.operation import Operation
from manent.server.options import ServeOptions
from manent.server.outside.addresses import AllowedAddresses
from manent.server.outside.jwks import JwksKeys
from manent.stores.opening import open_store
from manent.stores.rate_limits import open_rate_limits
from manent.tracing.opening import open_tracing

if TYPE_CHECKING:
    from manent.desk.desk import Desk

log = logging.getLogger("manent.server")

_ORIGIN = re.compile(r"null|[a-z][a-z0-9+.-]*://[^/?#@\s]+", re.IGNORECASE)
"""Matches an origin as browsers send it: scheme, host and optionally a port, without a path."""

DRAIN_S = 10.0
"""Time limit for running turns to finish during a shutdown."""

WRITING_PROCESS_FROM = 4
"""Number of queued appends from which a separate writing process saves time."""


@dataclass(slots=True, kw_only=True)
class Application:
    """The parts of a server, which have been built but not opened.

    Attributes:
        opened: a context in which the parts are open, for the lifespan of an ASGI server.
        flush: waits until the queued packets of all sockets have been sent. The argument is the time limit in seconds.
        move_plain_clients: makes plain clients connect to another server. The argument is the approximate time limit in
            seconds.
        shutdown: whether the server is about to stop.
        links: paths of single-use links to the desk, to be printed at the start.
        notes: warnings about the configuration, to be logged at the start.
    """

    asgi: Any
    opened: Callable[[], AbstractAsyncContextManager[None]]
    conversations: Conversations
    models: SharedModel
    wakeups: Wakeups
    sessions: Sessions
    channels: Channels
    flush: Callable[[float], Awaitable[None]]
    move_plain_clients: Callable[[float], Awaitable[None]]
    shutdown: Shutdown
    links: list[str]
    notes: tuple[str, ...]


def build(options: ServeOptions) -> Application:
    """Build the application.

    Raises:
        ProjectError: `credentials.yml` or `endpoints.yml` has mistakes, or a library of a configured part is missing.
        ModelError: no model was found, or it cannot be loaded.
        StoreError: the configured store is not supported.
    """
    configured: _Files = {
        "credentials": _configured(options, options.credentials, "credentials.yml"),
        "endpoints": _configured(options, options.endpoints, "endpoints.yml"),
    }
    with located(**configured):
        return _build(options, configured)


class _Files(TypedDict):
    """The files that configure the server, for `located`."""

    credentials: Path | None
    endpoints: Path | None


def _build(options: ServeOptions, configured: _Files) -> Application:
    credentials, endpoints = read_credentials(configured["credentials"]), read_endpoints(configured["endpoints"])
    trust_model_code(is_trusted=endpoints.trust_model_code)
    source = open_source(endpoints.models, options.remote_storage, options.model)
    local, assistant = _load_local(options, endpoints, is_needed=source is None)
    counters = Metrics()
    store = open_store(
        endpoints.tracker_store,
        root=options.root,
        durability=endpoints.durability,
        process_from=WRITING_PROCESS_FROM,
        metrics=counters,
    )
    spans = open_tracing(endpoints.tracing, server=socket.gethostname() + f":{options.port}")
    limits = read_limits(endpoints.limits)
    rates = rates_of(limits)
    engine = Engine(
        store=store,
        assistant=assistant,
        actions=open_actions(endpoints.action_endpoint, assistant.domain, root=options.root) if assistant else None,
        generator=open_generator(endpoints.nlg),
        metrics=counters,
        limits=limits,
        lease_s=endpoints.lease_s or LEASE_S,
        spans=spans or NO_SPANS,
    )
    desk_options = endpoints.desk or (DeskOptions() if options.desk else None)
    if desk_options is not None:
        engine.handoff = _handoff(desk_options, engine)
    conversations = Conversations(engine, rates=rates)
    wakeups = Wakeups(conversations)
    revocations = Revocations(store, metrics=counters)
    retention = Retention(store, endpoints.retention_days, metrics=counters)
    table = open_rate_limits(store) if rates.are_shared else None
    rate_sharing = RateSharing(rates, store, table, metrics=counters) if table is not None else None
    broker = open_broker(endpoints.event_broker, root=options.root)
    publisher: Publisher | None = None
    if broker is not None:
        publisher = Publisher(store, broker, owner=engine.leases.owner, now=engine.leases.now, metrics=counters)
        engine.log_readers.append(publisher.note)
    visitor_files = open_files(credentials, store, root=options.root, metrics=counters)
    if visitor_files is not None:
        engine.files = visitor_files
        engine.log_readers.append(visitor_files.note)
    channels = open_channels(
        credentials,
        conversations,
        revocations,
        make_keys=JwksKeys,
        root=options.root,
        cors=options.cors,
        connector=options.connector,
    )
    socketio = channels.socketio
    shutdown = Shutdown()
    models = _Models(options, endpoints, engine)
    folder = options.root / options.model
    if not folder.is_dir() and folder.suffix:
        folder = folder.parent
    shared = SharedModel(
        engine, load=models.load, swap=models.swap, local=local, folder=folder.absolute(), source=source
    )
    routes: list[BaseRoute] = [
        *channels.routes,
        *files.routes(socketio.sessions, visitor_files),
        *sessions.routes(socketio.sessions),
        *health.routes(conversations, shutdown, shared, publisher, endpoints.unsupported_store),
    ]
    guard = Guard(
        token=options.auth_token,
        jwt_secret=options.jwt_secret,
        jwt_method=options.jwt_method,
        jwt_require_exp=options.jwt_require_exp,
    )
    allowed = AllowedAddresses.read(endpoints.allow_private_addresses)
    api = ModelApi(conversations, guard, models=shared, root=options.root, allowed=allowed)
    reminders = Reminders(conversations)
    delays = delay_meter(counters)
    queue_timeouts = QueueTimeouts(conversations, desk_options.queue_timeout if desk_options else None)
    if options.enable_api:
        routes += [
            *conversation_routes.routes(conversations, guard),
            *api.routes(),
            *evaluation.routes(conversations, guard, models.load, allowed),
        ]
    routes += admin.routes(revocations, guard)
    routes += metrics.routes(conversations, channels, guard, publisher)
    desk, desk_routes, desk_operations = None, list[BaseRoute](), tuple[Operation, ...]()
    if desk_options is not None:
        desk, desk_routes, desk_operations = _open_desk(desk_options, conversations, revocations, allowed, options.root)
    routes += desk_routes
    links: list[str] = []
    routes += openapi.routes(management=options.enable_api, more=desk_operations)
    if options.demo:
        routes += demo.routes()
    routes += page.routes(
        socketio.configured, studio=options.enable_api, desk=desk_options is not None, demo=options.demo
    )

    @contextlib.asynccontextmanager
    async def opened() -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as parts:
            parts.enter_context(located(**configured))
            if spans is not None:
                parts.push_async_callback(spans.close)
            # Register this before the conversations are opened, because it also closes the actions and the generator
            # that `build` has created.
            parts.push_async_callback(conversations.close, within_s=DRAIN_S)
            await conversations.open()
            parts.push_async_callback(models.close)
            await shared.open()
            parts.push_async_callback(shared.close)
            await channels.open(store)
            parts.push_async_callback(channels.close)
            await revocations.open()
            parts.push_async_callback(revocations.close)
            wakeups.listeners.append(revocations.poll_soon)
            await wakeups.open()
            parts.push_async_callback(wakeups.close)
            await retention.open()
            parts.push_async_callback(retention.close)
            if rate_sharing is not None:
                await rate_sharing.open()
                parts.push_async_callback(rate_sharing.close)
            if visitor_files is not None:
                await visitor_files.open()
                parts.push_async_callback(visitor_files.close)
            if desk is not None:
                await parts.enter_async_context(desk.opened())
                if options.desk and desk.options.identity == "local":
                    links.append(await desk.first_link())
            if publisher is not None:
                await publisher.open()
                parts.push_async_callback(publisher.close)
            if channels.sender is not None:
                await channels.sender.open()
                parts.push_async_callback(channels.sender.close)
            # At shutdown, the turns finish first, while the publisher and the channels are still open to send their
            # events.
            parts.push_async_callback(conversations.drain, within_s=DRAIN_S)
            if channels.receiver is not None:
                await channels.receiver.open()
                parts.push_async_callback(channels.receiver.close)
            delays.open()
            parts.push_async_callback(delays.close)
            await reminders.open()
            parts.push_async_callback(reminders.close)
            await queue_timeouts.open()
            parts.push_async_callback(queue_timeouts.close)
            parts.push_async_callback(api.close)
            yield

    starlette = Starlette(
        routes=routes,
        lifespan=lambda _: opened(),
        middleware=[*cors.middleware(options.cors), Middleware(TrailingSlashes)],
        exception_handlers={
            ManentError: errors.answer,
            HTTPException: errors.answer_http,
            ClientDisconnect: errors.answer_nobody,
            Exception: errors.answer_unexpected,
        },
    )
    served = socketio.app(starlette)
    if spans is not None:
        from manent.tracing.requests import TracedRequests

        served = TracedRequests(served, spans)
    return Application(
        asgi=Gate(
            served,
            rates,
            socket_path=socketio.configured.socketio_path.rstrip("/") + "/",
            shutdown=shutdown,
            max_upload=visitor_files.options.max_size if visitor_files is not None else None,
        ),
        opened=opened,
        conversations=conversations,
        models=shared,
        wakeups=wakeups,
        sessions=socketio.sessions,
        channels=channels,
        flush=socketio.flush,
        move_plain_clients=socketio.move_plain_clients,
        shutdown=shutdown,
        links=links,
        notes=(
            *channels.notes,
            *_notes(options, endpoints, guard),
            *(_missing_parts(assistant) if assistant else ()),
            *([_limits_per_server(store)] if rates.are_shared and rate_sharing is None else ()),
        ),
    )


def _configured(options: ServeOptions, given: Any, default: str) -> Any:
    if given is not None:
        return options.root / given
    path = options.root / default
    return path if path.exists() else None


def _load_local(
    options: ServeOptions, endpoints: Endpoints, *, is_needed: bool
) -> tuple[Path | None, Assistant | None]:
    """Return the local model file and the assistant loaded from it, or None for both.

    Raises:
        ModelError: `is_needed` is set, but there is no model or it cannot be loaded.
    """
    try:
        file = find_model(options.root / options.model)
        return file, load_assistant(file, external_nlg=endpoints.nlg is not None)
    except ModelError as error:
        if is_needed:
            raise
        log.info(
            "no local model can be loaded; waiting for a model from the configured source", extra={"code": error.code}
        )
        return None, None


class _Models:
    """Loads models while the server runs, and replaces the current model."""

    def __init__(self, options: ServeOptions, endpoints: Endpoints, engine: Engine) -> None:
        self.options = options
        self.endpoints = endpoints
        self.engine = engine
        self._retired: ActionRunner | None = None

    def load(self, path: Path) -> Assistant:
        """Load a model file.

        Raises:
            ModelError: the model cannot be used on this server, for example because it lacks a custom class.
        """
        try:
            return load_assistant(self.options.root / path, external_nlg=self.endpoints.nlg is not None)
        except ModelError:
            raise
        except ManentError as error:
            raise ModelError("model_unusable", f"the model {path.name} cannot be used: {error.message}") from error

    async def swap(self, assistant: Assistant | None) -> None:
        """Use another model from the next turn on. This also replaces the actions, which depend on the domain.

        Running turns finish with the old actions. These are closed the next time the model is replaced.
        Without a model, messages are rejected.
        """
        if assistant is None:
            self.engine.model = None
            return
        actions = open_actions(self.endpoints.action_endpoint, assistant.domain, root=self.options.root)
        await self.close()
        self._retired, self.engine.actions = self.engine.actions, actions
        self.engine.model = assistant

    async def close(self) -> None:
        """Close the actions of the previous model."""
        retired, self._retired = self._retired, None
        if retired is not None:
            await retired.close()


def _notes(options: ServeOptions, endpoints: Endpoints, guard: Guard) -> tuple[str, ...]:
    notes = [*options.warnings, *(" ".join(str(warning).split()) for warning in endpoints.warnings)]
    if guard.has_short_secret:
        notes.append(
            f"--jwt-secret is shorter than {SECURE_KEY} bytes: it can be guessed and tokens forged. Create one with"
            " `openssl rand -hex 32`"
        )
    notes += [
        f"--cors {origin}: no page has this origin, so it has no effect; write a scheme and a host, for example "
        "https://example.com"
        for origin in options.cors
        if origin != "*" and not _ORIGIN.fullmatch(origin)
    ]
    if endpoints.durability == "process":
        notes.append(
            "with durability: process, a power failure can lose the newest messages; a crash of the server cannot"
        )
    if endpoints.trust_model_code:
        notes.append("trust_model_code: true: anyone who can write a model file can run code in this server")
    if options.enable_api and guard.is_open:
        notes.append(
            "--enable-api without --auth-token or --jwt-secret: anyone who can reach this port can read and change"
            " every conversation"
        )
    return tuple(notes)


def _open_desk(
    desk_options: DeskOptions,
    conversations: Conversations,
    revocations: Revocations,
    allowed: AllowedAddresses,
    root: Path,
) -> tuple["Desk", list[BaseRoute], tuple[Operation, ...]]:
    """Build the desk. Return it with its routes and their descriptions. Servers without a desk import nothing of it."""
    from manent.desk.desk import Desk
    from manent.server.api.desk import routes as desk_routes

    desk = Desk(desk_options, conversations, revoked=revocations.known, fetch_keys=JwksKeys, allowed=allowed, root=root)
    return desk, [*desk_routes.routes(desk)], desk_routes.OPERATIONS


def _handoff(desk: DeskOptions, engine: Engine) -> Handoff:
    hours = desk.opening_hours()
    return Handoff(
        is_staffed=lambda now: (hours is None or hours.is_open(now)) and engine.is_staffed(),
        when_away=desk.when_away,
        on_error=desk.on_error == "queue",
    )


def _limits_per_server(store: ConversationStore) -> str:
    return (
        f"limits: the store {type(store).__name__} cannot share rate limits between servers, so a client of several "
        "servers can use each limit once on each server. Divide the limits by the number of servers, or use PostgreSQL"
    )


def _missing_parts(assistant: Assistant) -> tuple[str, ...]:
    """Return a note about missing functions if the model contains no NLU or no dialogue model."""
    if not assistant.dialogue.is_trained:
        return (f"{assistant.file} contains no dialogue model, so the bot stores messages but does not answer them",)
    if not assistant.pipeline.is_trained:
        return (f"{assistant.file} contains no NLU pipeline, so the bot understands only payloads such as /greet",)
    return ()
