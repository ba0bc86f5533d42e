"""Stand-ins for `rasa.core.channels`."""

from manent.rasa_names.core.channels.callback import CallbackInput
from manent.rasa_names.core.channels.channel import (
    CollectingOutputChannel,
    InputChannel,
    OutputChannel,
    QueueOutputChannel,
    UserMessage,
)
from manent.rasa_names.core.channels.rest import RestInput
from manent.rasa_names.core.channels.socketio import SocketBlueprint, SocketIOInput, SocketIOOutput

__all__ = [
    "CallbackInput",
    "CollectingOutputChannel",
    "InputChannel",
    "OutputChannel",
    "QueueOutputChannel",
    "RestInput",
    "SocketBlueprint",
    "SocketIOInput",
    "SocketIOOutput",
    "UserMessage",
]
