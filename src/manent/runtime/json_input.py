"""Decodes JSON from request bodies and packets, and limits its depth."""

import re
from typing import Any, TypeVar

import msgspec

from manent.core.errors import RequestError
from manent.core.events import Json

T = TypeVar("T")

MAX_DEPTH = 100
"""Maximum number of levels of nesting.

Real messages have fewer levels, and the code that later reads the value can process more.
"""

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)


def read_json(body: bytes) -> Any:
    """Decode a JSON body of any shape.

    Raises:
        RequestError: `bad_request`: the body is not JSON or is nested too deeply.
    """
    return read_body(body, Any)


def read_body(body: bytes, kind: type[T]) -> T:
    """Decode a JSON body and check that it has the shape of `kind`. Unknown keys are ignored, as in Rasa.

    Raises:
        RequestError: `bad_request`: the body is not JSON, is nested too deeply, or has another shape.
    """
    if is_too_deep(body):
        raise RequestError("bad_request", f"the body is nested too deeply (limit {MAX_DEPTH} levels)")
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        reason = str(error)
        raise RequestError("bad_request", f"unexpected body: {reason[:1].lower()}{reason[1:]}") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise RequestError("bad_request", f"the body is not JSON: {error}") from error


def read_json_object(body: bytes) -> Json:
    """Decode a JSON body that must be an object.

    Raises:
        RequestError: `bad_request`: the body is not a JSON object.
    """
    value = read_json(body)
    if not isinstance(value, dict):
        raise RequestError("bad_request", "the body must be a JSON object")
    return value


def is_too_deep(text: bytes | str) -> bool:
    """Return whether JSON is nested deeper than `MAX_DEPTH`. For most texts, two substring searches are sufficient."""
    data = text.encode(errors="replace") if isinstance(text, str) else text
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return False
    depth = 0
    for token in _TOKEN.finditer(data):
        match token[0][:1]:
            case b"[" | b"{":
                depth += 1
                if depth > MAX_DEPTH:
                    return True
            case b"]" | b"}":
                depth -= 1
    return False
