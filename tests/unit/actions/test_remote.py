import asyncio
import json
import time
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web

from manent.actions.endpoint import Endpoint, read_endpoint
from manent.actions.remote import RemoteActions
from manent.core.domain import Domain
from manent.core.errors import ActionError
from support.action_servers import ScriptedServer, action_call, says, says_bytes, sleeps
from support.ports import free_port

DOMAIN = Domain(
    actions=("action_plain", "action_wants", "validate_form", "validate_other"),
    send_domain=frozenset({"action_wants"}),
    original={
        "version": "3.1",
        "intents": ["greet"],
        "actions": ["action_plain", {"action_wants": {"send_domain": True}}, "validate_form", {"validate_other": {}}],
        "forms": {"signup_form": {"required_slots": ["email"]}},
    },
)

Make = Callable[..., RemoteActions]


@pytest.fixture
async def remote(scripted: ScriptedServer) -> AsyncIterator[Make]:
    """Make runners against the scripted server."""
    made: list[RemoteActions] = []

    def make(domain: Domain = DOMAIN, *, options: dict[str, Any] | None = None, **arguments: Any) -> RemoteActions:
        endpoint = Endpoint(read_endpoint("action_endpoint", {"url": scripted.url} | (options or {})))
        made.append(RemoteActions(endpoint, domain, **arguments))
        return made[-1]

    yield make
    for runner in made:
        await runner.close()


async def test_the_request_has_the_keys_of_the_protocol(remote: Make, scripted: ScriptedServer) -> None:
    """An action server is sent what Rasa sends, and the idempotency key as a header."""
    await remote().run(action_call("action_plain", "grüße"))

    body = scripted.body()
    assert set(body) == {"next_action", "sender_id", "tracker", "domain", "version"}
    assert body["next_action"] == "action_plain"
    assert body["sender_id"] == "ada"
    assert body["tracker"]["latest_message"]["text"] == "grüße"
    assert body["domain"] == DOMAIN.original
    assert scripted.requests[0][1]["Idempotency-Key"] == "e1:7:action_plain"
    assert scripted.requests[0][1]["Content-Type"] == "application/json"


async def test_events_and_responses_come_back(remote: Make, scripted: ScriptedServer) -> None:
    """What the server answered is handed on, key by key."""
    event = {"event": "slot", "name": "city", "value": "Rome", "timestamp": None}
    scripted.answer = says({"events": [event], "responses": [{"response": "utter_done", "city": "Rome"}]})

    result = await remote().run(action_call())

    assert result.events == (event,)
    assert result.responses == ({"response": "utter_done", "city": "Rome"},)
    assert not result.rejected


async def test_status_400_is_a_rejection(remote: Make, scripted: ScriptedServer) -> None:
    """An action that declines is no failure."""
    scripted.answer = says({"error": "no", "action_name": "action_echo"}, 400)

    assert (await remote().run(action_call())).rejected


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, "action_unknown"), (500, "action_failed"), (503, "action_failed"), (401, "action_failed")],
)
async def test_other_statuses_are_errors(remote: Make, scripted: ScriptedServer, status: int, code: str) -> None:
    """Each failure has its stable code, and says what the server said of it."""
    scripted.answer = says({"error": "the reason", "request_body": {"secret": 1}}, status)

    with pytest.raises(ActionError) as caught:
        await remote().run(action_call())

    assert caught.value.code == code
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>It works!</html>",
        b"null",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b'{"events": null, "responses": []}',
        b'{"events": {}, "responses": []}',
        b'{"events": [3], "responses": []}',
        b'{"events": [{"name": "no event"}], "responses": []}',
        b'{"events": [{"event": "slot", "name": "city"}], "responses": []}',
        b'{"events": [], "responses": ["hello"]}',
        b'{"events": [], "responses": [{"text": ["hello"]}]}',
        b'{"events": [], "responses": [{"buttons": "hello"}]}',
        b'{"events": [], "responses": [',
    ],
)
async def test_an_unreadable_answer_is_an_error(remote: Make, scripted: ScriptedServer, answer: bytes) -> None:
    """Nothing but the protocol's answer gets through."""
    scripted.answer = says_bytes(answer)

    with pytest.raises(ActionError) as caught:
        await remote().run(action_call())

    assert caught.value.code == "action_garbage"


async def test_a_number_as_text_becomes_text(remote: Make, scripted: ScriptedServer) -> None:
    """Actions say numbers."""
    scripted.answer = says({"events": [], "responses": [{"text": 42}]})

    assert (await remote().run(action_call())).responses == ({"text": "42"},)


async def test_no_server_is_an_error() -> None:
    """A refused connection is reported at once."""
    endpoint = Endpoint(read_endpoint("action_endpoint", {"url": f"http://127.0.0.1:{free_port()}/webhook"}))
    runner = RemoteActions(endpoint, DOMAIN)

    with pytest.raises(ActionError) as caught:
        await runner.run(action_call())
    await runner.close()

    assert caught.value.code == "action_unreachable"


async def test_a_slow_server_is_an_error(remote: Make, scripted: ScriptedServer) -> None:
    """Nobody waits longer than the configured time."""
    scripted.answer = sleeps(5)
    started = time.monotonic()

    with pytest.raises(ActionError) as caught:
        await remote(options={"timeout": 0.2}).run(action_call())

    assert caught.value.code == "action_timeout"
    assert time.monotonic() - started < 4  # the answer comes after 5


async def test_an_answer_that_breaks_off_is_an_error(remote: Make, scripted: ScriptedServer) -> None:
    """Half an answer is no answer, and is not asked for again: the action ran."""

    async def half(request: web.Request, _body: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b'{"events": [')
        assert request.transport is not None
        request.transport.close()
        return response

    scripted.answer = half

    with pytest.raises(ActionError) as caught:
        await remote().run(action_call())

    assert caught.value.code == "action_garbage"
    assert len(scripted.requests) == 1


async def test_selective_domain_goes_to_those_who_want_it(remote: Make, scripted: ScriptedServer) -> None:
    """With a selective domain only `send_domain: true` and plainly declared validators get it."""
    runner = remote(selective_domain=True)
    sent = {}
    for name in DOMAIN.actions:
        await runner.run(action_call(name))
        sent[name] = "domain" in scripted.body()

    assert sent == {"action_plain": False, "action_wants": True, "validate_form": True, "validate_other": False}


async def test_status_449_sends_the_domain_after_all(remote: Make, scripted: ScriptedServer) -> None:
    """A server that misses the domain gets the same call once more, with it."""

    async def miss_domain(_request: web.Request, body: bytes) -> web.StreamResponse:
        has_domain = "domain" in json.loads(body)
        return web.json_response({"events": [], "responses": []}, status=200 if has_domain else 449)

    scripted.answer = miss_domain
    await remote(selective_domain=True).run(action_call("action_plain"))

    assert ["domain" in scripted.body(index) for index in (0, 1)] == [False, True]
    assert len({request[1]["Idempotency-Key"] for request in scripted.requests}) == 1


async def test_status_449_for_ever_is_an_error(remote: Make, scripted: ScriptedServer) -> None:
    """A server that is never content is asked twice, no more."""
    scripted.answer = says({}, 449)

    with pytest.raises(ActionError) as caught:
        await remote(selective_domain=True).run(action_call("action_plain"))

    assert caught.value.code == "action_failed"
    assert len(scripted.requests) == 2


async def test_compressed_requests_say_so(remote: Make, scripted: ScriptedServer) -> None:
    """A deflated body can be inflated to the same request."""

    async def inflate(request: web.Request, body: bytes) -> web.StreamResponse:
        # aiohttp's server inflates by itself what says that it is deflated.
        assert request.headers["Content-Encoding"] == "deflate"
        assert int(request.headers["Content-Length"]) < len(body)
        assert json.loads(body)["next_action"] == "action_echo"
        return web.json_response({"events": [], "responses": []})

    scripted.answer = inflate
    text = "compress me " * 100
    await remote(compress=True).run(action_call(text=text))

    assert scripted.body()["tracker"]["latest_message"]["text"] == text
    assert len(zlib.compress(scripted.requests[0][2])) == int(scripted.requests[0][1]["Content-Length"])


async def test_a_legacy_domain_keeps_its_forms(remote: Make, scripted: ScriptedServer) -> None:
    """Validators on rasa-sdk 2.x read slot mappings in the form."""
    forms = {"signup_form": {"required_slots": {"email": [{"type": "from_text"}]}}}
    await remote(Domain(original=DOMAIN.original, legacy_forms=forms, is_legacy=True)).run(action_call())

    assert scripted.body()["domain"]["forms"] == forms
    assert scripted.body()["domain"]["intents"] == ["greet"]


async def test_one_connection_serves_one_conversation(remote: Make, scripted: ScriptedServer) -> None:
    """Calls one after the other use the connection that is there."""
    runner = remote()
    for _ in range(5):
        await runner.run(action_call())

    assert len(scripted.peers) == 1


async def test_slow_actions_hold_nobody_up(remote: Make, scripted: ScriptedServer) -> None:
    """150 conversations wait for slow actions at the same time, and one more gets its answer."""

    async def by_name(_request: web.Request, body: bytes) -> web.StreamResponse:
        if json.loads(body)["next_action"] == "action_slow":
            await asyncio.sleep(1.5)
        return web.json_response({"events": [], "responses": []})

    scripted.answer = by_name
    runner = remote()
    slow = [asyncio.ensure_future(runner.run(action_call("action_slow"))) for _ in range(150)]
    while len(scripted.requests) < 150:  # noqa: ASYNC110  # the server has no event to wait for
        await asyncio.sleep(0.01)
    await runner.run(action_call("action_quick"))

    assert not any(task.done() for task in slow)
    await asyncio.gather(*slow)


async def test_a_connection_that_the_server_let_go_is_not_an_error() -> None:
    """A kept connection that turns out closed is replaced, and the call made again with the same key."""
    keys: list[bytes] = []
    connections = asyncio.Semaphore(0)

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for answered in (False, True):
                head = await reader.readuntil(b"\r\n\r\n")
                headers = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
                await reader.readexactly(int(headers[b"Content-Length"]))
                keys.append(headers[b"Idempotency-Key"])
                if not answered:
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        except asyncio.IncompleteReadError:
            pass  # the last connection, which the runner closes at the end
        finally:
            writer.close()
            await writer.wait_closed()
            connections.release()

    server = await asyncio.start_server(answer_once, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    runner = RemoteActions(Endpoint(read_endpoint("action_endpoint", {"url": f"http://127.0.0.1:{port}/"})), DOMAIN)
    await runner.run(action_call())
    await runner.run(action_call())
    await runner.close()
    server.close()
    for _ in range(2):
        await connections.acquire()

    assert keys == [b"e1:7:action_echo"] * 3


async def test_a_fresh_connection_that_is_dropped_is_not_tried_again() -> None:
    """A server that dies while it runs the action is not made to run it again."""
    asked = 0

    async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(drop, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    runner = RemoteActions(Endpoint(read_endpoint("action_endpoint", {"url": f"http://127.0.0.1:{port}/"})), DOMAIN)
    with pytest.raises(ActionError) as caught:
        await runner.run(action_call())
    await runner.close()
    server.close()

    assert caught.value.code == "action_unreachable"
    assert asked == 1


@pytest.mark.parametrize("status", [200, 201, 202, 299])
async def test_every_status_of_success_is_an_answer(remote: Make, scripted: ScriptedServer, status: int) -> None:
    """Servers that are not written with Rasa's SDK answer 201, too."""
    scripted.answer = says({"events": [], "responses": [{"text": "done"}]}, status)

    assert (await remote().run(action_call())).responses == ({"text": "done"},)


async def test_no_content_is_an_empty_answer(remote: Make, scripted: ScriptedServer) -> None:
    """Status 204 means that the action ran and has nothing to say."""
    scripted.answer = says_bytes(b"", 204)

    result = await remote().run(action_call())

    assert (result.events, result.responses, result.rejected) == ((), (), False)


async def test_numbers_that_json_does_not_have_are_texts(remote: Make, scripted: ScriptedServer) -> None:
    """A server in Python sends NaN; it is a text here, as it is in the log."""
    values = {"NaN": "NaN", "-Infinity": "-Infinity", "1e999": "Infinity", "[1.5, NaN]": [1.5, "NaN"]}
    for written, value in values.items():
        event = f'{{"event": "slot", "name": "n", "value": {written}}}'
        scripted.answer = says_bytes(f'{{"events": [{event}], "responses": []}}'.encode())

        assert (await remote().run(action_call())).events[0]["value"] == value
