"""Routes for health checks and the server's version."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final, Literal

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from manent import __version__
from manent.core.errors import ManentError, StoreError
from manent.runtime.background.publishing import Publisher
from manent.runtime.conversation.registry import Conversations
from manent.server.edge.shutdown import Shutdown
from manent.server.models.switching import SharedModel
from manent.server.operation import Operation

log = logging.getLogger("manent.server")

CHECK_EVERY_S: Final = 1.0
CHECK_TIMEOUT_S: Final = 2.0
"""Time limit of `/health/ready` for the check of the store. Load balancers often wait for 5 seconds."""

MINIMUM_COMPATIBLE_VERSION = "0.1.0"


class Version(msgspec.Struct, kw_only=True):
    """The server's version, and the oldest version whose models it can load."""

    version: str
    minimum_compatible_version: str


class Live(msgspec.Struct, kw_only=True):
    """The response while the process is running."""

    status: Literal["ok"] = "ok"


class BrokerHealth(msgspec.Struct, kw_only=True):
    """The state of the event broker.

    `waiting` is the number of conversations with unpublished events. `lag_s` is the number of seconds for which the
    first of these conversations has been waiting.
    """

    status: str
    waiting: int
    lag_s: float


class Ready(msgspec.Struct, kw_only=True):
    """Whether the server can process messages.

    Attributes:
        status: `ok`, or one of these with HTTP status 503: `closing` (the server is shutting down), `store` (the store
            cannot be written) or `model` (no model could be loaded yet).
        code: code of the error if the status is `store` or `model`, for example `store_full`, `store_readonly` or
            `store_timeout`.
        model: name of the loaded model file.
        unsupported_store: type of the configured `tracker_store`, if Manent does not support it. The server then stores
            conversations in `conversations.db`.
        failing: background task → error code, for tasks whose last round failed. The tasks retry automatically.
    """

    status: Literal["ok", "closing", "store", "model"]
    model: str | UnsetType | None = UNSET
    event_broker: BrokerHealth | UnsetType = UNSET
    unsupported_store: str | UnsetType = UNSET
    failing: dict[str, str] | UnsetType = UNSET
    code: str | UnsetType = UNSET


VERSION = Operation(method="GET", path="/version", summary="Version of the server", answer=Version)
LIVE = Operation(method="GET", path="/health/live", summary="Check that the process is running", answer=Live)
READY = Operation(
    method="GET",
    path="/health/ready",
    summary="Check that the server can process messages",
    answer=Ready,
    errors=(503,),
    error=Ready,
)
OPERATIONS = (VERSION, LIVE, READY)


class StoreCheck:
    """Checks whether the store can be written, at most once every `CHECK_EVERY_S` seconds.

    Args:
        check: writes to the store; raises ManentError if that fails.
        within_s: time limit of the check, in seconds.
    """

    def __init__(self, check: Callable[[], Awaitable[None]], *, within_s: float = CHECK_TIMEOUT_S) -> None:
        self._check = check
        self._within_s = within_s
        self._checking: asyncio.Task[ManentError | None] | None = None
        self._checked_at = float("-inf")
        self._failure = ""

    async def error(self) -> ManentError | None:
        """Return the error if the store cannot be written, else None."""
        now = time.monotonic()
        if self._checking is None or (self._checking.done() and now - self._checked_at >= CHECK_EVERY_S):
            self._checking = asyncio.create_task(self._run())
        return await asyncio.shield(self._checking)

    async def _run(self) -> ManentError | None:
        error = await self._try()
        self._checked_at = time.monotonic()
        failure = "" if error is None else error.code
        if failure != self._failure:
            self._failure = failure
            if error is None:
                log.info("the store can be written again; the server is ready")
            else:
                log.warning(
                    "the store cannot be written; the server is not ready",
                    extra={"code": error.code, "error": error.message},
                )
        return error

    async def _try(self) -> ManentError | None:
        try:
            async with asyncio.timeout(self._within_s):
                await self._check()
        except TimeoutError:
            return StoreError("store_timeout", f"the store did not finish a write within {self._within_s:g} s")
        except ManentError as error:
            return error
        return None


def routes(
    conversations: Conversations,
    shutdown: Shutdown,
    models: SharedModel,
    publisher: Publisher | None = None,
    unsupported_store: str | None = None,
) -> list[Route]:
    """Return `/version`, `/health/live` and `/health/ready`.

    Args:
        conversations: the conversations, whose store and model are checked.
        shutdown: whether the server is shutting down.
        models: the server's model.
        publisher: the publisher whose state is reported, or None without an event broker.
        unsupported_store: see `Ready`.
    """
    store_check = StoreCheck(conversations.engine.store.check_writable)

    async def version(_: Request) -> Response:
        return _json(Version(version=__version__, minimum_compatible_version=MINIMUM_COMPATIBLE_VERSION))

    async def live(_: Request) -> Response:
        return _json(Live())

    async def ready(_: Request) -> Response:
        """Return 503 before and during a shutdown, and if the store fails, but not if the event broker is down."""
        if shutdown.is_announced or conversations.engine.is_closing:
            return _json(Ready(status="closing"), 503)
        error = await store_check.error()
        if error is not None:
            return _json(Ready(status="store", code=error.code), 503)
        if models.is_waiting:
            return _json(Ready(status="model", code=models.problem.code if models.problem else UNSET), 503)
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
