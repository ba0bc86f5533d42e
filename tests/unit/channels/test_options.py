"""The `socketio:` section of credentials.yml."""

from pathlib import Path

import pytest

from manent.channels.socketio.options import SocketIoOptions, read_options
from manent.core.errors import ProjectError
from support.small_talk import Actions, running, until
from unit.channels.sockets import PERSISTENT, page


def test_unknown_keys_are_ignored() -> None:
    """Keys of other parts, such as the identity options, and empty values leave the defaults."""
    options = read_options({"session_persistence": True, "namespace": None, "jwt_key": "x", "anything": 1})

    assert options == SocketIoOptions(session_persistence=True)


def test_wrong_type_is_located() -> None:
    """A value of the wrong type is reported with its section."""
    with pytest.raises(ProjectError) as refused:
        read_options({"namespace": 5})

    assert (refused.value.problems[0].path, refused.value.problems[0].code) == ("socketio", "credentials.socketio")


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
