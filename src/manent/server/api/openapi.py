"""`/openapi.json`: what this server serves, for people and programs. A test holds it to the routes, both ways."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from manent import __version__
from manent.core.events import Json
from manent.runtime.tracker_reader import Verbosity
from manent.server.api.emulation import EMULATIONS
from manent.server.api.schemas import (
    ANY_OBJECT,
    CURSOR,
    FLAG,
    INTEGER,
    NULLABLE_TEXT,
    NUMBER,
    SCHEMAS,
    SESSION,
    TEXT,
    list_of,
    object_of,
    ref,
)

_CHANNEL_MESSAGE = object_of(
    {
        "sender": {"type": ["string", "integer"], "description": "key of the conversation; `default` without one"},
        "message": TEXT,
        "message_id": {"type": "string", "minLength": 1, "maxLength": 128},
        "input_channel": TEXT,
        "metadata": ANY_OBJECT,
        "session_token": TEXT,
    },
    "message",
)
_INCLUDE_EVENTS: Json = {"enum": [verbosity.name for verbosity in Verbosity]}
_TRACKER_QUERY: Json = {"include_events": _INCLUDE_EVENTS}
_OUTPUT: Json = {"output_channel": TEXT}
_SENDER_ID: Json = {"type": "string", "pattern": r"^[A-Za-z0-9_:@+-][A-Za-z0-9_:@+.-]{0,254}$"}
"""Any string names a conversation; these can stand in a URL without further thought."""
_MESSAGE_ID: Json = {"type": "string", "minLength": 1, "maxLength": 128}


def _operation(
    summary: str,
    answer: Json | str | None,
    *,
    body: Json | str | None = None,
    query: Json | None = None,
    errors: tuple[int, ...] = (400,),
    error: str = "Error",
    status: int = 200,
    path: tuple[str, ...] = (),
    also: str | None = None,
) -> Json:
    """Return an operation; an answer or body that is a string is a media type other than JSON, `also` another one."""
    operation: Json = {"summary": summary, "responses": {}}
    content = (
        None
        if answer is None
        else {answer: {}}
        if isinstance(answer, str)
        else {"application/json": {"schema": answer}}
    )
    operation["responses"][str(status)] = {"description": "done", **({"content": content} if content else {})}
    if also is not None:
        operation["responses"][str(status)]["content"][also] = {}
    for code in errors:
        operation["responses"][str(code)] = {
            "description": "refused",
            "content": {"application/json": {"schema": ref(error)}},
        }
    if body is not None:
        media = {body: {}} if isinstance(body, str) else {"application/json": {"schema": body}}
        operation["requestBody"] = {"required": True, "content": media}
    parameters = [{"name": name, "in": "path", "required": True, "schema": _SENDER_ID} for name in path]
    parameters += [{"name": name, "in": "query", "schema": schema} for name, schema in (query or {}).items()]
    if parameters:
        operation["parameters"] = parameters
    return operation


_SESSIONS = object_of(
    {
        "ok": {"const": True},
        "sessions": list_of(object_of({"session_id": TEXT, "started": NUMBER, "last": NUMBER, "preview": TEXT})),
    },
    "ok",
    "sessions",
)


def _session(summary: str, request: Json, answer: Json, *, errors: tuple[int, ...] = (400, 403)) -> Json:
    return {"post": _operation(summary, answer, body=request, errors=errors, error="Refusal")}


def _public() -> Json:
    token = object_of({"token": TEXT}, "token")
    refreshed = object_of({"ok": {"const": True}, "expires_at": {"type": ["number", "null"]}}, "ok", "expires_at")
    replies = list_of(ref("Reply"))
    health = {"get": _operation("Is the channel there?", object_of({"status": TEXT}, "status"), errors=())}
    accepted = object_of({"ok": {"const": True}, "seq": INTEGER, "duplicate": FLAG}, "ok", "seq", "duplicate")
    history = object_of({"ok": {"const": True}, "messages": list_of(ref("Message")), "has_more": FLAG}, "ok")
    join = object_of({"protocol": {"const": 1}, **SESSION, "cursor": CURSOR, "limit": INTEGER}, "protocol")
    said = object_of(
        {
            **SESSION,
            "epoch": TEXT,
            "message": TEXT,
            "title": TEXT,
            "message_id": _MESSAGE_ID,
            "metadata": ANY_OBJECT,
        },
        "session_id",
        "message",
        "message_id",
    )
    named = object_of(SESSION, "session_id")
    page = object_of({**SESSION, "before": {"type": "integer", "minimum": 0}, "limit": INTEGER}, "session_id", "before")
    poll = object_of({**SESSION, "cursor": CURSOR, "wait_s": NUMBER, "limit": INTEGER}, "session_id", "cursor")
    return {
        "/": {"get": _operation("The web chat, or one line of text", "text/plain", errors=())},
        "/version": {"get": _operation("Version of the server", object_of({"version": TEXT}, "version"), errors=())},
        "/health/live": {"get": _operation("Is the process alive?", object_of({"status": TEXT}), errors=())},
        "/health/ready": {"get": _operation("Can it serve?", object_of({"status": TEXT}), errors=(503,))},
        "/metrics": {"get": _operation("Prometheus' metrics", "text/plain", errors=(401,))},
        "/openapi.json": {"get": _operation("This document", ANY_OBJECT, errors=())},
        "/webchat/config.json": {"get": _operation("Where the web chat connects", ANY_OBJECT, errors=())},
        "/webchat/studio": {"get": _operation("A page to try the web chat's options on", "text/html", errors=())},
        "/webhooks/socketio/": health,
        "/webhooks/rest/": health,
        "/webhooks/rest/webhook": {
            "post": _operation(
                "Say something, get the bot's replies",
                replies,
                body=_CHANNEL_MESSAGE,
                query={"stream": FLAG},
                also="text/event-stream",
                errors=(400, 403, 409, 413, 429, 503),
            )
        },
        "/webhooks/callback/": health,
        "/webhooks/callback/webhook": {
            "post": _operation(
                "Say something; the replies go to the configured URL",
                "text/plain",
                body=_CHANNEL_MESSAGE,
                errors=(400, 403, 409, 413, 429, 500, 503),
            )
        },
        "/sessions/session_request": _session("Join a conversation", join, ref("Session")),
        "/sessions/user_uttered": _session("Say something", said, accepted, errors=(400, 403, 409, 413, 429, 503)),
        "/sessions/history_request": _session("An older page", page, history),
        "/sessions/session_reset": _session("Begin another conversation", named, ref("Session")),
        "/sessions/session_erase": _session("Remove a conversation", named, ref("Session")),
        "/sessions/session_list": _session("One's own conversations", ANY_OBJECT, _SESSIONS, errors=(401, 403)),
        "/sessions/token_refresh": _session("Another token", token, refreshed, errors=(400, 401, 403, 503)),
        "/sessions/events": _session("Wait for what is newer than a cursor", poll, ref("Session")),
        "/admin/revoke": {
            "post": _operation(
                "Tokens that count no more",
                object_of({"ok": {"const": True}}, "ok"),
                body=object_of(
                    {
                        "subject": TEXT,
                        "token_id": TEXT,
                        "issued_before": {"oneOf": [NUMBER, {"const": "now"}]},
                        "lift": FLAG,
                    }
                ),
                errors=(400, 401, 403),
            )
        },
    }


def _management() -> Json:
    sender, guarded = ("sender_id",), (401, 403)
    tracker = ref("Tracker")
    event = ref("Event")
    entities = {"oneOf": [list_of(ANY_OBJECT), ANY_OBJECT]}
    of = "/conversations/{sender_id}"
    return {
        of: {
            "delete": _operation(
                "Remove a conversation with all that is kept of it",
                None,
                errors=(*guarded, 404, 409),
                status=204,
                path=sender,
            )
        },
        f"{of}/tracker": {
            "get": _operation(
                "The tracker",
                tracker,
                query={**_TRACKER_QUERY, "until": NUMBER},
                errors=(400, *guarded, 409),
                path=sender,
            )
        },
        f"{of}/tracker/events": {
            "post": _operation(
                "Append events",
                tracker,
                body={"oneOf": [event, {**list_of(event), "minItems": 1}]},
                query={**_TRACKER_QUERY, **_OUTPUT, "execute_side_effects": FLAG},
                errors=(400, *guarded, 409),
                path=sender,
            ),
            "put": _operation(
                "Put events in the place of the log",
                tracker,
                body=list_of(event),
                query=_TRACKER_QUERY,
                errors=(400, *guarded, 409),
                path=sender,
            ),
        },
        f"{of}/story": {
            "get": _operation(
                "The conversation as a test story",
                "text/plain",
                query={"until": NUMBER, "all_sessions": FLAG},
                errors=(400, *guarded, 404, 409),
                path=sender,
            )
        },
        f"{of}/export": {
            "get": _operation(
                "All that is kept of a conversation, as JSON or as a transcript",
                object_of(
                    {
                        "sender_id": TEXT,
                        "owner": NULLABLE_TEXT,
                        "started": NUMBER,
                        "updated": NUMBER,
                        "events": list_of({"type": "object"}),
                        "slots": {"type": "object"},
                    },
                    "sender_id",
                    "events",
                    "slots",
                ),
                query={"format": {"enum": ["json", "transcript"]}},
                errors=(400, *guarded, 404, 409),
                path=sender,
                also="text/plain",
            )
        },
        f"{of}/execute": {
            "post": _operation(
                "Run an action",
                ref("Said"),
                body=object_of(
                    {"name": TEXT, "policy": NULLABLE_TEXT, "confidence": {"type": ["number", "null"]}}, "name"
                ),
                query={**_TRACKER_QUERY, **_OUTPUT},
                errors=(400, *guarded, 404, 409, 500),
                path=sender,
            )
        },
        f"{of}/trigger_intent": {
            "post": _operation(
                "Act as if the user had meant an intent",
                ref("Said"),
                body=object_of({"name": TEXT, "entities": entities}, "name"),
                query={**_TRACKER_QUERY, **_OUTPUT},
                errors=(400, *guarded, 404, 409),
                path=sender,
            )
        },
        f"{of}/predict": {
            "post": _operation(
                "What would be done next",
                ref("Prediction"),
                query=_TRACKER_QUERY,
                errors=(400, *guarded, 404, 409),
                path=sender,
            )
        },
        f"{of}/messages": {
            "post": _operation(
                "Log a user's message without answering it",
                tracker,
                body=object_of({"text": TEXT, "sender": {"const": "user"}, "parse_data": ANY_OBJECT}, "text"),
                query=_TRACKER_QUERY,
                errors=(400, *guarded, 409, 413),
                path=sender,
            )
        },
        "/model/parse": {
            "post": _operation(
                "What the NLU makes of a text",
                ANY_OBJECT,
                body=object_of({"text": TEXT, "message_id": TEXT}, "text"),
                query={"emulation_mode": {"enum": list(EMULATIONS)}},
                errors=(400, *guarded, 409, 413),
            )
        },
        "/model/predict": {
            "post": _operation(
                "What would be done after these events",
                ref("Prediction"),
                body=list_of(event),
                query=_TRACKER_QUERY,
                errors=(400, *guarded, 409),
            )
        },
        "/model/train": {
            "post": _operation(
                "Train a model from one YAML document",
                "application/octet-stream",
                body="application/yaml",
                query={"save_to_default_model_directory": FLAG, "force_training": FLAG, "callback_url": TEXT},
                errors=(400, *guarded, 500),
            )
        },
        "/model/test/stories": {
            "post": _operation(
                "How well the assistant keeps to test stories",
                ANY_OBJECT,
                body="application/yaml",
                query={"e2e": FLAG},
                errors=(400, *guarded, 409),
            )
        },
        "/model/test/intents": {
            "post": _operation(
                "How well annotated examples are understood",
                ANY_OBJECT,
                body="application/yaml",
                query={
                    "model": TEXT,
                    "cross_validation_folds": {"type": "integer", "minimum": 2, "maximum": 20},
                    "callback_url": TEXT,
                },
                errors=(400, *guarded, 409, 500),
            )
        },
        "/model": {
            "put": _operation(
                "Load another model",
                None,
                body=object_of({"model_file": TEXT, "model_server": ANY_OBJECT}),
                errors=(400, *guarded),
                status=204,
            ),
            "delete": _operation("Do without a model", None, errors=guarded, status=204),
        },
        "/domain": {"get": _operation("The domain", ANY_OBJECT, errors=(*guarded, 406, 409))},
        "/status": {"get": _operation("Which model is loaded", ANY_OBJECT, errors=(*guarded, 409))},
    }


def document(*, management: bool = True) -> Json:
    """Return the document; `management`: with what `--enable-api` adds."""
    paths: dict[str, Any] = _public()
    if management:
        secured: list[Json] = [{"token": []}, {"jwt": []}]
        for item in (found := _management()).values():
            for operation in item.values():
                operation["security"] = secured
        paths |= found
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Manent",
            "version": __version__,
            "description": "See docs/http-api.md and docs/protocol.md.",
        },
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "query", "name": "token"},
                "jwt": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
    }


def routes(*, management: bool) -> list[Route]:
    """Return `/openapi.json`."""
    encoded = msgspec.json.encode(document(management=management))

    async def openapi(_: Request) -> Response:
        return Response(encoded, media_type="application/json")

    return [Route("/openapi.json", openapi)]
