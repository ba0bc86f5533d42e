"""Which other origins' pages may use the HTTP side (`--cors`); Socket.IO asks `SocketIoChannel.accepts_origin`."""

from collections.abc import Sequence

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware


def middleware(origins: Sequence[str]) -> list[Middleware]:
    """Return what answers browsers' questions about other origins; nothing without `--cors`."""
    if not origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["*"],
            allow_headers=["*"],
            allow_credentials=True,
            expose_headers=["filename"],
        )
    ]
