"""The `environ` that python-engineio reads equals the one that it makes itself, as far as it is read."""

from typing import Any

from engineio.async_drivers import asgi

from manent.channels.socketio.environ import translate_request
from manent.core.events import Json

SCOPE: Json = {
    "type": "http",
    "method": "POST",
    "path": "/socket.io/",
    "query_string": b"EIO=4&transport=polling",
    "headers": [
        (b"host", b"example.com"),
        (b"Origin", b"https://example.com"),
        (b"accept-encoding", b"gzip"),
        (b"accept-encoding", b"br"),
        (b"content-type", b"text/plain"),
        (b"content-length", b"6"),
        (b"x-forwarded-proto", b"https"),
        (b"x-bad", b"\xff"),
    ],
}
NOT_READ = ("wsgi.input", "RAW_URI", "REMOTE_", "SCRIPT_NAME", "SERVER_", "wsgi.")


def events(*bodies: bytes) -> Any:
    """Return an ASGI `receive` of a body in parts."""
    parts = iter(bodies)
    left = len(bodies)

    async def receive() -> Json:
        nonlocal left
        left -= 1
        return {"type": "http.request", "body": next(parts), "more_body": left > 0}

    return receive


async def send(_: Json) -> None:
    """Send nothing."""


async def test_the_environ_is_the_library_s() -> None:
    """Same keys and values, also for repeated headers and headers that are not UTF-8."""
    receive = events(b"")
    ours = await translate_request(SCOPE, receive, send)
    theirs = await asgi.translate_request(SCOPE, events(b""), send)
    theirs["asgi.receive"] = receive

    assert ours["wsgi.url_scheme"] == theirs["wsgi.url_scheme"] == "https"
    assert {key: value for key, value in ours.items() if not key.startswith(NOT_READ)} == {
        key: value for key, value in theirs.items() if not key.startswith(NOT_READ)
    }


async def test_a_body_in_parts_is_read_to_its_size() -> None:
    """Reads wait for as many parts as they need, and return what is there at the end."""
    environ = await translate_request(SCOPE, events(b"ab", b"", b"cd", b"ef"), send)
    body = environ["wsgi.input"]

    assert [await body.read(3), await body.read(2), await body.read(), await body.read(5)] == [b"abc", b"de", b"f", b""]


async def test_a_client_that_is_gone_has_an_empty_environ() -> None:
    """As in the library."""

    async def gone() -> Json:
        return {"type": "http.disconnect"}

    assert await translate_request(SCOPE, gone, send) == {}


async def test_a_body_that_breaks_off_is_not_read() -> None:
    """The packets of half a body are not served: the client sends them again."""
    sent: list[Json] = [
        {"type": "http.request", "body": b'42["user_', "more_body": True},
        {"type": "http.disconnect"},
    ]
    parts = iter(sent)

    async def receive() -> Json:
        return next(parts)

    environ = await translate_request(SCOPE, receive, send)

    assert await environ["wsgi.input"].read(100) == b""
