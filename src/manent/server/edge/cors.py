"""CORS headers for HTTP requests (`--cors`). The Socket.IO channel checks origins itself."""

from collections.abc import Sequence

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware


def middleware(origins: Sequence[str]) -> list[Middleware]:
    """Return the CORS middleware, or an empty list without `--cors`."""
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
