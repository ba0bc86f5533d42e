import pytest

from manent.actions.endpoint import Endpoint, read_endpoint
from manent.actions.nlg import RemoteGenerator
from manent.core.errors import ActionError
from support.action_servers import ScriptedServer, says, says_bytes
from support.ports import free_port


async def generate(url: str) -> dict[str, object]:
    """Ask for `utter_greet` once."""
    generator = RemoteGenerator(Endpoint(read_endpoint("nlg", {"url": url, "timeout": 2})))
    try:
        return await generator.generate("utter_greet", {"name": "Ada"}, {"sender_id": "ada"}, "socketio")
    finally:
        await generator.close()


async def test_a_message_comes_from_the_server(scripted: ScriptedServer) -> None:
    """The server is told response, arguments, tracker and channel, and its message is returned."""
    scripted.answer = says({"text": "Hello Ada", "buttons": [{"title": "Hi", "payload": "/greet"}], "image": None})

    message = await generate(scripted.url)

    assert message == {"text": "Hello Ada", "buttons": [{"title": "Hi", "payload": "/greet"}]}
    assert scripted.body() == {
        "response": "utter_greet",
        "id": None,
        "arguments": {"name": "Ada"},
        "tracker": {"sender_id": "ada"},
        "channel": {"name": "socketio"},
    }


@pytest.mark.parametrize("answer", [b"", b"null", b"[]", b'{"text": 7}', b'{"buttons": {"title": "x"}}', b"\xff"])
async def test_garbage_is_an_error(scripted: ScriptedServer, answer: bytes) -> None:
    """Only a message gets through."""
    scripted.answer = says_bytes(answer)

    with pytest.raises(ActionError) as caught:
        await generate(scripted.url)

    assert caught.value.code == "nlg_garbage"


async def test_a_failure_is_an_error(scripted: ScriptedServer) -> None:
    """A status other than 200 is no message."""
    scripted.answer = says({"text": "Hello"}, 500)

    with pytest.raises(ActionError) as caught:
        await generate(scripted.url)

    assert caught.value.code == "nlg_failed"


async def test_no_server_is_an_error() -> None:
    """A refused connection is told apart from a failure."""
    with pytest.raises(ActionError) as caught:
        await generate(f"http://127.0.0.1:{free_port()}/nlg")

    assert caught.value.code == "nlg_unreachable"
