"""`/openapi.json`: what this server serves, for people and programs. A test holds it to the routes, both ways."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from manent import __version__
from manent.core.events import Json
from manent.runtime.reading import Verbosity
from manent.server.emulation import EMULATIONS

_TEXT: Json = {"type": "string"}
_NUMBER: Json = {"type": "number"}
_INTEGER: Json = {"type": "integer"}
_FLAG: Json = {"type": "boolean"}
_ANY_OBJECT: Json = {"type": "object", "additionalProperties": True}


def _object(properties: Json, *required: str) -> Json:
    return (
        {"type": "object", "properties": properties, "required": list(required)}
        if required
        else {
            "type": "object",
            "properties": properties,
        }
    )


def _list(items: Json) -> Json:
    return {"type": "array", "items": items}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


_NULLABLE_TEXT: Json = {"type": ["string", "null"]}
_CURSOR = _object({"epoch": _TEXT, "seq": {"type": "integer", "minimum": 0}}, "epoch", "seq")
_SESSION: Json = {"session_id": _TEXT, "session_token": _TEXT}

SCHEMAS: Json = {
    "Error": _object(
        {
            "version": _TEXT,
            "status": {"const": "failure"},
            "message": _TEXT,
            "reason": _TEXT,
            "details": _ANY_OBJECT,
            "help": _NULLABLE_TEXT,
            "code": _INTEGER,
        },
        "status",
        "message",
        "reason",
        "code",
    ),
    "Refusal": _object(
        {
            "ok": {"const": False},
            "error": _object({"code": _TEXT, "message": _TEXT, "retry_after": _NUMBER}, "code", "message"),
        },
        "ok",
        "error",
    ),
    "Event": {
        **_object({"event": _TEXT, "timestamp": {"type": ["number", "null"]}, "metadata": _ANY_OBJECT}, "event"),
        "additionalProperties": True,
    },
    "Tracker": _object(
        {
            "sender_id": _TEXT,
            "slots": _ANY_OBJECT,
            "latest_message": _ANY_OBJECT,
            "latest_event_time": {"type": ["number", "null"]},
            "followup_action": _NULLABLE_TEXT,
            "paused": _FLAG,
            "events": {"type": ["array", "null"], "items": {"$ref": "#/components/schemas/Event"}},
            "latest_input_channel": _NULLABLE_TEXT,
            "active_loop": _ANY_OBJECT,
            "latest_action": {"type": ["object", "null"]},
            "latest_action_name": _NULLABLE_TEXT,
        },
        "sender_id",
        "slots",
        "latest_message",
        "events",
    ),
    "Reply": _object(
        {
            "recipient_id": _TEXT,
            "text": _TEXT,
            "buttons": _list(_ANY_OBJECT),
            "image": _TEXT,
            "attachment": {},
            "custom": {},
        },
        "recipient_id",
    ),
    "Said": _object({"tracker": _ref("Tracker"), "messages": _list(_ref("Reply"))}, "tracker"),
    "Prediction": _object(
        {
            "scores": _list(_object({"action": _TEXT, "score": _NUMBER}, "action", "score")),
            "policy": _NULLABLE_TEXT,
            "confidence": _NUMBER,
            "tracker": _ref("Tracker"),
        },
        "scores",
        "policy",
        "confidence",
        "tracker",
    ),
    "Message": {
        **_object(
            {
                "role": {"enum": ["user", "bot"]},
                "seq": _INTEGER,
                "id": _TEXT,
                "parts": _INTEGER,
                "prev": _INTEGER,
                "timestamp": {"type": ["number", "null"]},
                "divider": {"enum": ["restart", "session"]},
                "text": _TEXT,
                "message": _TEXT,
                "message_id": _NULLABLE_TEXT,
                "title": _TEXT,
                "payload": _FLAG,
            },
            "role",
            "seq",
            "id",
            "parts",
            "prev",
        ),
        "additionalProperties": True,
    },
    "Session": _object(
        {
            "ok": {"const": True},
            "session_id": _TEXT,
            "session_token": _TEXT,
            "epoch": _TEXT,
            "seq": _INTEGER,
            "resumed": _FLAG,
            "messages": _list(_ref("Message")),
            "has_more": _FLAG,
            "gap": _FLAG,
            "typing": _FLAG,
            "errors": _list(_ANY_OBJECT),
        },
        "ok",
        "session_id",
        "epoch",
        "seq",
        "resumed",
        "messages",
        "has_more",
        "gap",
        "typing",
    ),
}

_CHANNEL_MESSAGE = _object(
    {
        "sender": {"type": ["string", "integer"], "description": "key of the conversation; `default` without one"},
        "message": _TEXT,
        "message_id": {"type": "string", "minLength": 1, "maxLength": 128},
        "input_channel": _TEXT,
        "metadata": _ANY_OBJECT,
        "session_token": _TEXT,
    },
    "message",
)
_INCLUDE_EVENTS: Json = {"enum": [verbosity.name for verbosity in Verbosity]}
_TRACKER_QUERY: Json = {"include_events": _INCLUDE_EVENTS}
_OUTPUT: Json = {"output_channel": _TEXT}
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
            "content": {"application/json": {"schema": _ref(error)}},
        }
    if body is not None:
        media = {body: {}} if isinstance(body, str) else {"application/json": {"schema": body}}
        operation["requestBody"] = {"required": True, "content": media}
    parameters = [{"name": name, "in": "path", "required": True, "schema": _SENDER_ID} for name in path]
    parameters += [{"name": name, "in": "query", "schema": schema} for name, schema in (query or {}).items()]
    if parameters:
        operation["parameters"] = parameters
    return operation


_SESSIONS = _object(
    {
        "ok": {"const": True},
        "sessions": _list(_object({"session_id": _TEXT, "started": _NUMBER, "last": _NUMBER, "preview": _TEXT})),
    },
    "ok",
    "sessions",
)


def _session(summary: str, request: Json, answer: Json, *, errors: tuple[int, ...] = (400, 403)) -> Json:
    return {"post": _operation(summary, answer, body=request, errors=errors, error="Refusal")}


def _public() -> Json:
    token = _object({"token": _TEXT}, "token")
    refreshed = _object({"ok": {"const": True}, "expires_at": {"type": ["number", "null"]}}, "ok", "expires_at")
    replies = _list(_ref("Reply"))
    health = {"get": _operation("Is the channel there?", _object({"status": _TEXT}, "status"), errors=())}
    accepted = _object({"ok": {"const": True}, "seq": _INTEGER, "duplicate": _FLAG}, "ok", "seq", "duplicate")
    history = _object({"ok": {"const": True}, "messages": _list(_ref("Message")), "has_more": _FLAG}, "ok")
    join = _object({"protocol": {"const": 1}, **_SESSION, "cursor": _CURSOR, "limit": _INTEGER}, "protocol")
    said = _object(
        {
            **_SESSION,
            "epoch": _TEXT,
            "message": _TEXT,
            "title": _TEXT,
            "message_id": _MESSAGE_ID,
            "metadata": _ANY_OBJECT,
        },
        "session_id",
        "message",
        "message_id",
    )
    named = _object(_SESSION, "session_id")
    page = _object({**_SESSION, "before": {"type": "integer", "minimum": 0}, "limit": _INTEGER}, "session_id", "before")
    poll = _object({**_SESSION, "cursor": _CURSOR, "wait_s": _NUMBER, "limit": _INTEGER}, "session_id", "cursor")
    return {
        "/": {"get": _operation("The web chat, or one line of text", "text/plain", errors=())},
        "/version": {"get": _operation("Version of the server", _object({"version": _TEXT}, "version"), errors=())},
        "/health/live": {"get": _operation("Is the process alive?", _object({"status": _TEXT}), errors=())},
        "/health/ready": {"get": _operation("Can it serve?", _object({"status": _TEXT}), errors=(503,))},
        "/metrics": {"get": _operation("Prometheus' metrics", "text/plain", errors=(401,))},
        "/openapi.json": {"get": _operation("This document", _ANY_OBJECT, errors=())},
        "/webchat/config.json": {"get": _operation("Where the web chat connects", _ANY_OBJECT, errors=())},
        "/webchat/studio": {"get": _operation("Where a site owner tries the web chat's options", "text/html", errors=(404,))},
        "/webhooks/socketio/": health,
        "/webhooks/rest/": health,
        "/webhooks/rest/webhook": {
            "post": _operation(
                "Say something, get the bot's replies",
                replies,
                body=_CHANNEL_MESSAGE,
                query={"stream": _FLAG},
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
        "/sessions/session_request": _session("Join a conversation", join, _ref("Session")),
        "/sessions/user_uttered": _session("Say something", said, accepted, errors=(400, 403, 409, 413, 429, 503)),
        "/sessions/history_request": _session("An older page", page, history),
        "/sessions/session_reset": _session("Begin another conversation", named, _ref("Session")),
        "/sessions/session_erase": _session("Remove a conversation", named, _ref("Session")),
        "/sessions/session_list": _session("One's own conversations", _ANY_OBJECT, _SESSIONS, errors=(401, 403)),
        "/sessions/token_refresh": _session("Another token", token, refreshed, errors=(400, 401, 403, 503)),
        "/sessions/events": _session("Wait for what is newer than a cursor", poll, _ref("Session")),
        "/admin/revoke": {
            "post": _operation(
                "Tokens that count no more",
                _object({"ok": {"const": True}}, "ok"),
                body=_object(
                    {
                        "subject": _TEXT,
                        "token_id": _TEXT,
                        "issued_before": {"oneOf": [_NUMBER, {"const": "now"}]},
                        "lift": _FLAG,
                    }
                ),
                errors=(400, 401, 403),
            )
        },
    }


def _management() -> Json:
    sender, guarded = ("sender_id",), (401, 403)
    tracker = _ref("Tracker")
    event = _ref("Event")
    entities = {"oneOf": [_list(_ANY_OBJECT), _ANY_OBJECT]}
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
                query={**_TRACKER_QUERY, "until": _NUMBER},
                errors=(400, *guarded, 409),
                path=sender,
            )
        },
        f"{of}/tracker/events": {
            "post": _operation(
                "Append events",
                tracker,
                body={"oneOf": [event, {**_list(event), "minItems": 1}]},
                query={**_TRACKER_QUERY, **_OUTPUT, "execute_side_effects": _FLAG},
                errors=(400, *guarded, 409),
                path=sender,
            ),
            "put": _operation(
                "Put events in the place of the log",
                tracker,
                body=_list(event),
                query=_TRACKER_QUERY,
                errors=(400, *guarded, 409),
                path=sender,
            ),
        },
        f"{of}/story": {
            "get": _operation(
                "The conversation as a test story",
                "text/plain",
                query={"until": _NUMBER, "all_sessions": _FLAG},
                errors=(400, *guarded, 404, 409),
                path=sender,
            )
        },
        f"{of}/export": {
            "get": _operation(
                "All that is kept of a conversation, as JSON or as a transcript",
                _object(
                    {
                        "sender_id": _TEXT,
                        "owner": _NULLABLE_TEXT,
                        "started": _NUMBER,
                        "updated": _NUMBER,
                        "events": _list({"type": "object"}),
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
                _ref("Said"),
                body=_object(
                    {"name": _TEXT, "policy": _NULLABLE_TEXT, "confidence": {"type": ["number", "null"]}}, "name"
                ),
                query={**_TRACKER_QUERY, **_OUTPUT},
                errors=(400, *guarded, 404, 409, 500),
                path=sender,
            )
        },
        f"{of}/trigger_intent": {
            "post": _operation(
                "Act as if the user had meant an intent",
                _ref("Said"),
                body=_object({"name": _TEXT, "entities": entities}, "name"),
                query={**_TRACKER_QUERY, **_OUTPUT},
                errors=(400, *guarded, 404, 409),
                path=sender,
            )
        },
        f"{of}/predict": {
            "post": _operation(
                "What would be done next",
                _ref("Prediction"),
                query=_TRACKER_QUERY,
                errors=(400, *guarded, 404, 409),
                path=sender,
            )
        },
        f"{of}/messages": {
            "post": _operation(
                "Log a user's message without answering it",
                tracker,
                body=_object({"text": _TEXT, "sender": {"const": "user"}, "parse_data": _ANY_OBJECT}, "text"),
                query=_TRACKER_QUERY,
                errors=(400, *guarded, 409, 413),
                path=sender,
            )
        },
        "/model/parse": {
            "post": _operation(
                "What the NLU makes of a text",
                _ANY_OBJECT,
                body=_object({"text": _TEXT, "message_id": _TEXT}, "text"),
                query={"emulation_mode": {"enum": list(EMULATIONS)}},
                errors=(400, *guarded, 409, 413),
            )
        },
        "/model/predict": {
            "post": _operation(
                "What would be done after these events",
                _ref("Prediction"),
                body=_list(event),
                query=_TRACKER_QUERY,
                errors=(400, *guarded, 409),
            )
        },
        "/model/train": {
            "post": _operation(
                "Train a model from one YAML document",
                "application/octet-stream",
                body="application/yaml",
                query={"save_to_default_model_directory": _FLAG, "force_training": _FLAG, "callback_url": _TEXT},
                errors=(400, *guarded, 500),
            )
        },
        "/model/test/stories": {
            "post": _operation(
                "How well the assistant keeps to test stories",
                _ANY_OBJECT,
                body="application/yaml",
                query={"e2e": _FLAG},
                errors=(400, *guarded, 409),
            )
        },
        "/model/test/intents": {
            "post": _operation(
                "How well annotated examples are understood",
                _ANY_OBJECT,
                body="application/yaml",
                query={
                    "model": _TEXT,
                    "cross_validation_folds": {"type": "integer", "minimum": 2, "maximum": 20},
                    "callback_url": _TEXT,
                },
                errors=(400, *guarded, 409, 500),
            )
        },
        "/model": {
            "put": _operation(
                "Load another model",
                None,
                body=_object({"model_file": _TEXT, "model_server": _ANY_OBJECT}),
                errors=(400, *guarded),
                status=204,
            ),
            "delete": _operation("Do without a model", None, errors=guarded, status=204),
        },
        "/domain": {"get": _operation("The domain", _ANY_OBJECT, errors=(*guarded, 406, 409))},
        "/status": {"get": _operation("Which model is loaded", _ANY_OBJECT, errors=(*guarded, 409))},
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
