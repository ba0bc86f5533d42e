"""JSON schemas of what the HTTP API takes and gives, for `openapi`; and the blocks that they are made of."""

from manent.core.events import Json

TEXT: Json = {"type": "string"}
NUMBER: Json = {"type": "number"}
INTEGER: Json = {"type": "integer"}
FLAG: Json = {"type": "boolean"}
ANY_OBJECT: Json = {"type": "object", "additionalProperties": True}


def object_of(properties: Json, *required: str) -> Json:
    """Return an object's schema."""
    return (
        {"type": "object", "properties": properties, "required": list(required)}
        if required
        else {
            "type": "object",
            "properties": properties,
        }
    )


def list_of(items: Json) -> Json:
    """Return a list's schema."""
    return {"type": "array", "items": items}


def ref(name: str) -> Json:
    """Return a reference to one of `SCHEMAS`."""
    return {"$ref": f"#/components/schemas/{name}"}


NULLABLE_TEXT: Json = {"type": ["string", "null"]}
CURSOR = object_of({"epoch": TEXT, "seq": {"type": "integer", "minimum": 0}}, "epoch", "seq")
SESSION: Json = {"session_id": TEXT, "session_token": TEXT}

SCHEMAS: Json = {
    "Error": object_of(
        {
            "version": TEXT,
            "status": {"const": "failure"},
            "message": TEXT,
            "reason": TEXT,
            "details": ANY_OBJECT,
            "help": NULLABLE_TEXT,
            "code": INTEGER,
        },
        "status",
        "message",
        "reason",
        "code",
    ),
    "Refusal": object_of(
        {
            "ok": {"const": False},
            "error": object_of({"code": TEXT, "message": TEXT, "retry_after": NUMBER}, "code", "message"),
        },
        "ok",
        "error",
    ),
    "Event": {
        **object_of({"event": TEXT, "timestamp": {"type": ["number", "null"]}, "metadata": ANY_OBJECT}, "event"),
        "additionalProperties": True,
    },
    "Tracker": object_of(
        {
            "sender_id": TEXT,
            "slots": ANY_OBJECT,
            "latest_message": ANY_OBJECT,
            "latest_event_time": {"type": ["number", "null"]},
            "followup_action": NULLABLE_TEXT,
            "paused": FLAG,
            "events": {"type": ["array", "null"], "items": {"$ref": "#/components/schemas/Event"}},
            "latest_input_channel": NULLABLE_TEXT,
            "active_loop": ANY_OBJECT,
            "latest_action": {"type": ["object", "null"]},
            "latest_action_name": NULLABLE_TEXT,
        },
        "sender_id",
        "slots",
        "latest_message",
        "events",
    ),
    "Reply": object_of(
        {
            "recipient_id": TEXT,
            "text": TEXT,
            "buttons": list_of(ANY_OBJECT),
            "image": TEXT,
            "attachment": {},
            "custom": {},
        },
        "recipient_id",
    ),
    "Said": object_of({"tracker": ref("Tracker"), "messages": list_of(ref("Reply"))}, "tracker"),
    "Prediction": object_of(
        {
            "scores": list_of(object_of({"action": TEXT, "score": NUMBER}, "action", "score")),
            "policy": NULLABLE_TEXT,
            "confidence": NUMBER,
            "tracker": ref("Tracker"),
        },
        "scores",
        "policy",
        "confidence",
        "tracker",
    ),
    "Message": {
        **object_of(
            {
                "role": {"enum": ["user", "bot"]},
                "seq": INTEGER,
                "id": TEXT,
                "parts": INTEGER,
                "prev": INTEGER,
                "timestamp": {"type": ["number", "null"]},
                "divider": {"enum": ["restart", "session"]},
                "text": TEXT,
                "message": TEXT,
                "message_id": NULLABLE_TEXT,
                "title": TEXT,
                "payload": FLAG,
            },
            "role",
            "seq",
            "id",
            "parts",
            "prev",
        ),
        "additionalProperties": True,
    },
    "Session": object_of(
        {
            "ok": {"const": True},
            "session_id": TEXT,
            "session_token": TEXT,
            "epoch": TEXT,
            "seq": INTEGER,
            "resumed": FLAG,
            "messages": list_of(ref("Message")),
            "has_more": FLAG,
            "gap": FLAG,
            "typing": FLAG,
            "errors": list_of(ANY_OBJECT),
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
