"""A minimal server for comparison: python-socketio on uvicorn, which answers each message with one message.

python bench/echo_server.py PORT
"""

import sys
import uuid
from typing import Any

import socketio
import uvicorn

server = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins="*")


@server.event
async def session_request(sid: str, data: dict[str, Any] | None = None) -> None:
    """Confirm a session."""
    session_id = (data or {}).get("session_id") or uuid.uuid4().hex
    await server.enter_room(sid, f"session {session_id}")
    await server.emit("session_confirm", session_id, to=sid)


@server.event
async def user_uttered(sid: str, data: dict[str, Any]) -> None:
    """Send the text back to all sockets of the session."""
    del sid
    await server.emit("bot_uttered", {"text": data["message"]}, to=f"session {data['session_id']}")


if __name__ == "__main__":
    uvicorn.run(
        socketio.ASGIApp(server),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
        lifespan="off",
    )
