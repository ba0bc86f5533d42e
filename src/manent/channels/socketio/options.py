"""The `socketio:` section of `credentials.yml`."""

from dataclasses import dataclass

import msgspec

from manent.core.errors import Problem, ProjectError
from manent.core.events import Json

CHANNEL = "socketio"
"""The channel's name: in `credentials.yml`, in URLs, and as the input channel of its messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketIoOptions:
    """The `socketio:` section of `credentials.yml`."""

    user_message_evt: str = "user_uttered"
    bot_message_evt: str = "bot_uttered"
    namespace: str = "/"
    session_persistence: bool = False
    socketio_path: str = "/socket.io"
    metadata_key: str = "metadata"


def read_options(section: Json, file: str = "credentials.yml") -> SocketIoOptions:
    """Read the section. Ignore unknown keys, as Rasa does.

    Raises:
        ProjectError: a value has the wrong type.
    """
    known = {key: value for key, value in section.items() if key in SocketIoOptions.__slots__ and value is not None}
    try:
        return msgspec.convert(known, SocketIoOptions)
    except msgspec.ValidationError as error:
        problem = Problem(
            file=file,
            line=0,
            path="socketio",
            code="credentials.socketio",
            found=str(error),
            expected=f"options of socketio: {', '.join(SocketIoOptions.__slots__)}",
        )
        raise ProjectError([problem]) from error
