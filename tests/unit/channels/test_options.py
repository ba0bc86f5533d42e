"""The `socketio:` section of credentials.yml."""

from pathlib import Path

from manent.channels.socketio.options import SocketIoOptions
from manent.extensions.options import convert
from support.small_talk import Actions, running, until
from unit.channels.sockets import PERSISTENT, page


def test_empty_values_are_the_defaults() -> None:
    """Unknown keys and empty values leave the defaults."""
    options, wrong = convert(SocketIoOptions, {"session_persistence": True, "namespace": None, "anything": 1})

    assert (options, wrong) == (SocketIoOptions(session_persistence=True), [])


def test_wrong_type_is_named() -> None:
    """A value of the wrong type is reported with its option and with what was expected."""
    options, wrong = convert(SocketIoOptions, {"namespace": 5, "session_persistence": "true"})

    assert options is None
    assert [(each.option, each.expected, each.kind) for each in wrong] == [("namespace", "a string", "type")]


async def test_names_and_namespace_are_the_projects(tmp_path: Path) -> None:
    """Event names, namespace, path and metadata key come from credentials.yml."""
    credentials = (
        f"{PERSISTENT}  user_message_evt: said\n  bot_message_evt: heard\n  namespace: /chat\n"
        "  socketio_path: /ws\n  metadata_key: customData\n"
    )
    async with (
        running(tmp_path, credentials=credentials, actions=(actions := Actions())) as server,
        page(server.url, namespace="/chat", socketio_path="/ws") as ada,
    ):
        await ada.emit("said", {"message": "work", "session_id": "ada", "customData": '{"page": 1}'})
        await until(lambda: bool(ada.got("heard")))

    assert ada.got("heard") == [{"text": "Done."}]
    assert actions.calls[0].tracker["latest_message"]["metadata"]["page"] == 1
