"""Health checks and the version of the server."""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from manent import __version__
from manent.core.errors import ManentError
from manent.runtime.background.publishing import Publisher
from manent.runtime.conversation.registry import Conversations
from manent.server.edge.shutdown import Shutdown
from manent.server.operation import Operation

MINIMUM_COMPATIBLE_VERSION = "0.1.0"


class Version(msgspec.Struct, kw_only=True):
    """The version of this server, and the oldest version whose models it can load."""

    version: str
    minimum_compatible_version: str


class Live(msgspec.Struct, kw_only=True):
    """The answer while the process is running."""

    status: Literal["ok"] = "ok"


class BrokerHealth(msgspec.Struct, kw_only=True):
    """The state of the event broker.

    `waiting` is the number of conversations with unpublished events. `lag_s` is the age of the oldest of them, in
    seconds.
    """

    status: str
    waiting: int
    lag_s: float


class Ready(msgspec.Struct, kw_only=True):
    """Whether the server can serve.

    Attributes:
        status: `ok`, or with HTTP status 503 either `closing` (the server is shutting down) or `store` (the store
            fails, and `code` is its error).
        model: name of the loaded model file.
        unsupported_store: type of the configured `tracker_store` that Manent does not have. Conversations are in
            `conversations.db` instead.
        failing: background tasks whose last round failed, and the code of the error. They try again by themselves.
    """

    status: Literal["ok", "closing", "store"]
    model: str | UnsetType | None = UNSET
    event_broker: BrokerHealth | UnsetType = UNSET
    unsupported_store: str | UnsetType = UNSET
    failing: dict[str, str] | UnsetType = UNSET
    code: str | UnsetType = UNSET


VERSION = Operation(method="GET", path="/version", summary="Version of the server", answer=Version)
LIVE = Operation(method="GET", path="/health/live", summary="Is the process alive?", answer=Live)
READY = Operation(method="GET", path="/health/ready", summary="Can it serve?", answer=Ready, errors=(503,), error=Ready)
OPERATIONS = (VERSION, LIVE, READY)


def routes(
    conversations: Conversations,
    shutdown: Shutdown,
    publisher: Publisher | None = None,
    unsupported_store: str | None = None,
) -> list[Route]:
    """Return `/version`, `/health/live` and `/health/ready`.

    Args:
        conversations: their store and model are checked.
        shutdown: whether the server is shutting down.
        publisher: its state is reported. None: there is no event broker.
        unsupported_store: see `Ready`.
    """

    async def version(_: Request) -> Response:
        return _json(Version(version=__version__, minimum_compatible_version=MINIMUM_COMPATIBLE_VERSION))

    async def live(_: Request) -> Response:
        return _json(Live())

    async def ready(_: Request) -> Response:
        """Answer 503 before and during the shutdown and when the store fails, but not when the broker is down."""
        if shutdown.is_announced or conversations.engine.is_closing:
            return _json(Ready(status="closing"), 503)
        try:
            await conversations.engine.store.get_meta("health")
        except ManentError as error:
            return _json(Ready(status="store", code=error.code), 503)
        model = conversations.engine.model
        file = model.file if model is not None else None
        failing = dict(conversations.engine.metrics.background_failing) or UNSET
        return _json(
            Ready(
                status="ok",
                model=file,
                event_broker=_broker_health(publisher),
                unsupported_store=unsupported_store or UNSET,
                failing=failing,
            )
        )

    return [
        VERSION.route(version),
        LIVE.route(live),
        READY.route(ready),
    ]


def _broker_health(publisher: Publisher | None) -> BrokerHealth | UnsetType:
    if publisher is None:
        return UNSET
    return BrokerHealth(status=publisher.trouble or "ok", waiting=publisher.waiting, lag_s=round(publisher.lag_s, 1))


def _json(body: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")
