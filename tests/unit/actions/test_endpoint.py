import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from manent.actions import connections
from manent.actions import endpoint as module
from manent.actions.endpoint import Endpoint, read_endpoint
from manent.core.errors import ActionError, ProjectError
from support.action_servers import ScriptedServer
from support.ports import free_port as find_port


async def test_options_of_an_endpoint_reach_the_server(scripted: ScriptedServer) -> None:
    """Query, token, headers and basic auth are sent with each request."""
    options = {
        "url": scripted.url + "?fixed=1",
        "params": {"shop": "a b"},
        "headers": {"X-Shop": 7},
        "basic_auth": {"username": "ada", "password": "pass word"},
        "token": "secret",
        "token_name": "key",
    }
    endpoint = Endpoint(read_endpoint("action_endpoint", options))
    await endpoint.post(b"{}")
    await endpoint.close()

    path, headers, _ = scripted.requests[0]
    assert path == "/webhook?fixed=1&shop=a+b&key=secret"
    assert headers["X-Shop"] == "7"
    assert headers["Authorization"] == "Basic YWRhOnBhc3Mgd29yZA=="


async def test_a_token_has_a_name_by_default(scripted: ScriptedServer) -> None:
    """The token goes into the query as `token`."""
    endpoint = Endpoint(read_endpoint("nlg", {"url": scripted.url, "token": "secret"}))
    await endpoint.post(b"{}")
    await endpoint.close()

    assert scripted.requests[0][0] == "/webhook?token=secret"


async def test_a_closed_endpoint_opens_again(scripted: ScriptedServer) -> None:
    """Closing lets go of connections, not of the server."""
    endpoint = Endpoint(read_endpoint("nlg", {"url": scripted.url}))
    await endpoint.post(b"{}")
    await endpoint.close()
    await endpoint.post(b"{}")
    await endpoint.close()

    assert len(scripted.requests) == 2


@pytest.mark.parametrize(
    ("option", "path"),
    [
        ({"url": 7}, "action_endpoint.url"),
        ({"url": "grpc://localhost:5055"}, "action_endpoint.url"),
        ({"params": "a=b"}, "action_endpoint.params"),
        ({"headers": ["a"]}, "action_endpoint.headers"),
        ({"basic_auth": "ada:secret"}, "action_endpoint.basic_auth"),
        ({"timeout": 0}, "action_endpoint.timeout"),
        ({"timeout": "5s"}, "action_endpoint.timeout"),
        ({"cafile": "missing.pem"}, "action_endpoint.cafile"),
        ({"cafile": __file__}, "action_endpoint.cafile"),
        ({"cafile": 7}, "action_endpoint.cafile"),
    ],
)
def test_a_wrong_option_is_named(option: dict[str, Any], path: str) -> None:
    """A mistake in `endpoints.yml` is a project error that says where."""
    with pytest.raises(ProjectError) as caught:
        read_endpoint("action_endpoint", {"url": "http://localhost:5055/webhook"} | option)

    assert [problem.path for problem in caught.value.problems] == [path]


async def test_a_server_that_restarts_is_unnoticed(free_port: int) -> None:
    """A refused connection is tried again until the server listens, and the request arrives once."""
    endpoint = Endpoint(read_endpoint("action_endpoint", {"url": f"http://127.0.0.1:{free_port}/"}))
    posting = asyncio.ensure_future(endpoint.post(b"{}"))
    await asyncio.sleep(0.5)
    assert not posting.done()
    asked: list[str] = []
    async with listening("127.0.0.1", free_port, asked):
        answer = await posting
        await endpoint.close()

    assert answer.status == 200
    assert asked == ["127.0.0.1"]


async def test_a_server_that_stays_away_is_an_error_soon(free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The attempts end, and the error says that the server could not be reached."""
    monkeypatch.setattr(module, "RETRY_FOR_S", 0.3)
    endpoint = Endpoint(read_endpoint("action_endpoint", {"url": f"http://127.0.0.1:{free_port}/"}))
    began = time.monotonic()
    with pytest.raises(ActionError) as caught:
        await endpoint.post(b"{}")
    await endpoint.close()

    assert caught.value.code == "action_unreachable"
    assert time.monotonic() - began < 2


async def test_what_a_server_may_have_begun_is_not_sent_again(free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that closes a kept connection a while after it got the request may have run the action."""
    asked: list[str] = []
    monkeypatch.setattr(module, "CLOSED_WITHIN_S", 0.05)
    endpoint = Endpoint(read_endpoint("action_endpoint", {"url": f"http://127.0.0.1:{free_port}/"}))
    async with listening("127.0.0.1", free_port, asked, dies_at=2, after_s=0.2):
        await endpoint.post(b"{}")
        with pytest.raises(ActionError) as caught:
            await endpoint.post(b"{}")
        await endpoint.close()

    assert caught.value.code == "action_unreachable"
    assert len(asked) == 2


async def test_both_addresses_of_a_name_get_requests(free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests one after the other reach every server behind a name, though one connection would serve them all."""
    monkeypatch.setattr(connections, "MAX_AGE_S", 0.01)
    resolve = socket.getaddrinfo

    def find(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        if host != "actions.test":
            return resolve(host, port, *arguments, **options)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{last}", port)) for last in (1, 2)]

    monkeypatch.setattr(socket, "getaddrinfo", find)
    asked: list[str] = []
    endpoint = Endpoint(read_endpoint("action_endpoint", {"url": f"http://actions.test:{free_port}/"}))
    async with listening("127.0.0.1", free_port, asked), listening("127.0.0.2", free_port, asked):
        for _ in range(40):
            await endpoint.post(b"{}")
            await asyncio.sleep(0.02)
        await endpoint.close()

    assert len(asked) == 40
    assert set(asked) == {"127.0.0.1", "127.0.0.2"}


async def test_old_connections_close_after_their_last_answer(free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that takes longer than connections last is answered, and new requests use another connection."""
    monkeypatch.setattr(connections, "MAX_AGE_S", 0.05)
    asked: list[str] = []
    endpoint = Endpoint(read_endpoint("action_endpoint", {"url": f"http://127.0.0.1:{free_port}/"}))
    async with listening("127.0.0.1", free_port, asked, slow_at=1, after_s=0.5):
        slow = asyncio.ensure_future(endpoint.post(b"{}"))
        await asyncio.sleep(0.1)
        await endpoint.post(b"{}")
        assert not slow.done()
        assert (await slow).status == 200
        await endpoint.close()


async def test_connections_that_are_replaced_by_two_requests_are_all_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two requests replace old connections at the same time, while these connections still close."""
    opened: list[aiohttp.ClientSession] = []

    close, create = aiohttp.ClientSession.close, aiohttp.ClientSession

    async def close_slowly(session: aiohttp.ClientSession) -> None:
        await asyncio.sleep(0)
        await close(session)

    def note(*args: Any, **options: Any) -> aiohttp.ClientSession:
        opened.append(create(*args, **options))
        return opened[-1]

    pool = connections.Connections(headers={}, cafile=None, timeout_s=1.0, connect_timeout_s=1.0)
    monkeypatch.setattr(aiohttp.ClientSession, "close", close_slowly)
    monkeypatch.setattr(aiohttp, "ClientSession", note)

    async def request() -> None:
        async with pool.session():
            await asyncio.sleep(0)

    await request()
    monkeypatch.setattr(connections, "MAX_AGE_S", -1.0)
    await asyncio.gather(request(), request())
    await pool.close()

    assert [session.closed for session in opened] == [True] * len(opened)


@pytest.fixture
def free_port() -> int:
    """A port that nobody listens on."""
    return find_port()


@contextlib.asynccontextmanager
async def listening(
    host: str, port: int, asked: list[str], *, dies_at: int = 0, slow_at: int = 0, after_s: float = 0.0
) -> AsyncIterator[None]:
    """Serve HTTP on an address, and note it for each request; the request of this number is answered late or never."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(2)
                asked.append(host)
                number = len(asked)
                if number in (dies_at, slow_at):
                    await asyncio.sleep(after_s)
                if number == dies_at:
                    break
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(serve, host, port)
    try:
        yield
    finally:
        server.close()
