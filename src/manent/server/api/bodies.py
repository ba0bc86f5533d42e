"""Reads a request's JSON body into the Struct that its handler declares. Unknown keys are ignored, as Rasa does."""

from typing import Any, TypeVar

import msgspec

from manent.core.errors import RequestError
from manent.runtime.json_depth import is_too_deep

T = TypeVar("T")


def read_json(body: bytes) -> Any:
    """Decode a JSON body of any shape.

    Raises:
        RequestError: `bad_request`; it is not JSON, or nested too deeply.
    """
    return read_body(body, Any)


def read_body(body: bytes, kind: type[T]) -> T:
    """Decode a JSON body and check that it has the shape of `kind`.

    Raises:
        RequestError: `bad_request`; it is not JSON, is nested too deeply, or has another shape.
    """
    if is_too_deep(body):
        raise RequestError("bad_request", "the body is nested too deeply")
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        reason = str(error)
        raise RequestError("bad_request", f"unexpected body: {reason[:1].lower()}{reason[1:]}") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise RequestError("bad_request", f"the body is not JSON: {error}") from error
