"""Runs the server with one more route, through which `crash.py` acts as operators and reads whole logs.

python -m soak.desk_server [--mutation NAME] run -p 5005 …

`POST /soak/desk {sender_id, do, operator, text?, message_id?}` calls a function of `runtime/handling.py`. The API of
the desk needs members and sessions, which this test does not concern.
"""

import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from manent.cli.main import main
from manent.core.conversation_log import Head
from manent.core.errors import ManentError
from manent.core.events import Operator, encode_event
from manent.core.handler import HandlerConflict
from manent.runtime import handling
from manent.runtime.conversation.conversation import Conversation
from manent.runtime.conversation.registry import Conversations
from manent.server.api import health
from soak.mutant import MUTATIONS

PATH = "/soak/desk"


def _act(conversation: Conversation, asked: dict[str, Any]) -> Awaitable[Head]:
    operator = Operator(id=asked["operator"], name=asked["operator"].title())
    acts: dict[str, Callable[[], Awaitable[Head]]] = {
        "request": lambda: handling.request_handoff(conversation, reason="soak"),
        "take": lambda: handling.take(conversation, operator),
        "say": lambda: handling.say(conversation, operator, text=asked["text"], message_id=asked["message_id"]),
        "hand_back": lambda: handling.hand_back(conversation, operator, note=asked["text"]),
        "release": lambda: handling.release(conversation, operator),
        "assign": lambda: handling.assign(conversation, operator, by=operator),
        "close": lambda: handling.close(conversation, operator),
        "note": lambda: handling.note(conversation, operator, asked["text"]),
    }
    return acts[asked["do"]]()


async def _answer(conversations: Conversations, request: Request) -> dict[str, Any]:
    asked = await request.json()
    sender_id = asked["sender_id"]
    if asked["do"] == "log":
        entries = await conversations.engine.store.entries(sender_id)
        head = await conversations.engine.store.head(sender_id)
        events = [{"seq": entry.seq, **msgspec.json.decode(encode_event(entry.event))} for entry in entries]
        return {"ok": True, "epoch": head.epoch if head else None, "events": events}
    try:
        head = await _act(conversations.get(sender_id), asked)
    except HandlerConflict as conflict:
        return {"ok": False, "code": conflict.code, "operator": msgspec.to_builtins(conflict.head.handling.operator)}
    except ManentError as error:
        return {"ok": False, "code": error.code}
    return {"ok": True, "epoch": head.epoch, "operator": msgspec.to_builtins(head.handling.operator)}


def _with_desk(routes: Callable[..., Sequence[BaseRoute]]) -> Callable[..., Sequence[BaseRoute]]:
    def more(conversations: Conversations, *others: Any) -> Sequence[BaseRoute]:
        conversations.engine.is_staffed = lambda: True

        async def serve(request: Request) -> Response:
            return Response(msgspec.json.encode(await _answer(conversations, request)), media_type="application/json")

        return [*routes(conversations, *others), Route(PATH, serve, methods=["POST"])]

    return more


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments[0] == "--mutation":
        MUTATIONS[arguments[1]]()
        arguments = arguments[2:]
    health.routes = _with_desk(health.routes)  # type: ignore[assignment]
    sys.exit(main(arguments))
