"""The `socketio:` section of `credentials.yml`."""

from manent.channels.identity_options import IdentityOptions
from manent.channels.socketio.web_chat import WebChatOptions, check_web_chat

CHANNEL = "socketio"
"""Name of the channel in `credentials.yml` and in URLs, and input channel of its messages."""


class SocketIoOptions(IdentityOptions, frozen=True, kw_only=True):
    """The `socketio:` section of `credentials.yml`.

    Attributes:
        user_message_evt: name of the event that contains a visitor's message.
        bot_message_evt: name of the event that contains a bot message.
        namespace: the Socket.IO namespace.
        session_persistence: whether conversations have session ids, so that they continue after a reload.
        socketio_path: path of the Socket.IO endpoint.
        metadata_key: key of the metadata in the event with a visitor's message.
        web_chat: look and texts of the web chat; see `docs/web-chat.md`.
    """

    user_message_evt: str = "user_uttered"
    bot_message_evt: str = "bot_uttered"
    namespace: str = "/"
    session_persistence: bool = False
    socketio_path: str = "/socket.io"
    metadata_key: str = "metadata"
    web_chat: WebChatOptions | None = None

    def __post_init__(self) -> None:
        """Check that the options are valid together.

        Raises:
            WrongOption: an option is invalid.
        """
        super().__post_init__()
        if self.web_chat is not None:
            check_web_chat(self.web_chat)
