"""Is the server alive, can it serve, and which version is it?"""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from manent import __version__
from manent.core.errors import ManentError
from manent.core.events import Json
from manent.runtime.background.publishing import Publisher
from manent.runtime.conversation.registry import Conversations

MINIMUM_COMPATIBLE_VERSION = "0.1.0"


def routes(conversations: Conversations, publisher: Publisher | None = None) -> list[Route]:
    """Return `/version`, `/health/live` and `/health/ready`; `publisher`: when there is an event broker."""

    async def version(_: Request) -> Response:
        return _json({"version": __version__, "minimum_compatible_version": MINIMUM_COMPATIBLE_VERSION})

    async def live(_: Request) -> Response:
        return _json({"status": "ok"})

    async def ready(_: Request) -> Response:
        """Not ready: shutting down, or the store does not answer. An event broker that is away is only mentioned."""
        if conversations.engine.is_closing:
            return _json({"status": "closing"}, 503)
        try:
            await conversations.engine.store.get_meta("health")
        except ManentError as error:
            return _json({"status": "store", "code": error.code}, 503)
        model = conversations.engine.model
        return _json({"status": "ok", "model": model.file if model is not None else None, **_publishing(publisher)})

    return [
        Route("/version", version),
        Route("/health/live", live),
        Route("/health/ready", ready),
    ]


def _publishing(publisher: Publisher | None) -> Json:
    if publisher is None:
        return {}
    told = {"status": publisher.trouble or "ok", "waiting": publisher.waiting, "lag_s": round(publisher.lag_s, 1)}
    return {"event_broker": told}


def _json(body: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")
