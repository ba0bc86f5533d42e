"""Stand-ins for `rasa.core.channels.socketio`."""

import json
import logging
import uuid
from collections.abc import Iterable
from typing import Any

from sanic import Blueprint
from socketio import AsyncServer

from manent.core.errors import ManentError
from manent.core.events import Json
from manent.rasa_names.core.channels.channel import (
    InputChannel,
    OnNewMessage,
    OutputChannel,
    UserMessage,
    decode_bearer_token,
)

logger = logging.getLogger("manent.rasa_channel")


class SocketBlueprint(Blueprint):
    """A blueprint with a Socket.IO server. The channel's adapter serves its sockets at `socketio_path`."""

    def __init__(self, sio: Any, socketio_path: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(args[0] if args else "socketio_webhook", **kwargs)
        self.ctx.sio = sio
        self.ctx.socketio_path = socketio_path


class SocketIOOutput(OutputChannel):
    """Sends bot messages to the sockets of a room. The name of the room is the id of the conversation."""

    @classmethod
    def name(cls) -> str:
        """Return `socketio`."""
        return "socketio"

    def __init__(self, sio: Any, bot_message_evt: str) -> None:
        self.sio = sio
        self.bot_message_evt = bot_message_evt

    async def _send_message(self, socket_id: str, response: Any) -> None:
        await self.sio.emit(self.bot_message_evt, response, room=socket_id)

    async def send_text_message(self, recipient_id: str, text: str, **_: Any) -> None:
        """Send the paragraphs of a text."""
        for part in text.strip().split("\n\n"):
            await self._send_message(recipient_id, {"text": part})

    async def send_image_url(self, recipient_id: str, image: str, **_: Any) -> None:
        """Send an image."""
        await self._send_message(recipient_id, {"attachment": {"type": "image", "payload": {"src": image}}})

    async def send_text_with_buttons(self, recipient_id: str, text: str | None, buttons: list[Json], **_: Any) -> None:
        """Send the paragraphs of a text, the last one with the buttons as quick replies."""
        replies = [
            {"content_type": "text", "title": button["title"], "payload": button.get("payload", button["title"])}
            for button in buttons
        ]
        *parts, last = (text or "").strip().split("\n\n")
        for part in parts:
            await self._send_message(recipient_id, {"text": part, "quick_replies": []})
        await self._send_message(recipient_id, {"text": last, "quick_replies": replies})

    async def send_elements(self, recipient_id: str, elements: Iterable[Json], **_: Any) -> None:
        """Send each element as a template."""
        for element in elements:
            template = {"type": "template", "payload": {"template_type": "generic", "elements": element}}
            await self._send_message(recipient_id, {"attachment": template})

    async def send_custom_json(self, recipient_id: str, json_message: Json, **_: Any) -> None:
        """Send a custom message.

        If the message contains the key `data`, it consists of the arguments for `emit`. Otherwise, it is only the data.
        """
        arguments = json_message if "data" in json_message else {"data": json_message}
        await self.sio.emit(self.bot_message_evt, **{"room": recipient_id, **arguments})

    async def send_attachment(self, recipient_id: str, attachment: Any, **_: Any) -> None:
        """Send an attachment."""
        await self._send_message(recipient_id, {"attachment": attachment})


class SocketIOInput(InputChannel):
    """A Socket.IO channel whose methods can be overridden in subclasses."""

    @classmethod
    def name(cls) -> str:
        """Return `socketio`."""
        return "socketio"

    @classmethod
    def from_credentials(cls, credentials: Json | None) -> InputChannel:
        """Create the channel from its options."""
        options = credentials or {}
        return cls(
            options.get("user_message_evt", "user_uttered"),
            options.get("bot_message_evt", "bot_uttered"),
            options.get("namespace"),
            options.get("session_persistence", False),
            options.get("socketio_path", "/socket.io"),
            options.get("jwt_key"),
            options.get("jwt_method", "HS256"),
            options.get("metadata_key", "metadata"),
        )

    def __init__(
        self,
        user_message_evt: str = "user_uttered",
        bot_message_evt: str = "bot_uttered",
        namespace: str | None = None,
        session_persistence: bool = False,  # noqa: FBT001, FBT002  # subclasses pass it by position
        socketio_path: str | None = "/socket.io",
        jwt_key: str | None = None,
        jwt_method: str | None = "HS256",
        metadata_key: str | None = "metadata",
    ) -> None:
        self.user_message_evt = user_message_evt
        self.bot_message_evt = bot_message_evt
        self.namespace = namespace
        self.session_persistence = session_persistence
        self.socketio_path = socketio_path
        self.jwt_key = jwt_key
        self.jwt_algorithm = jwt_method
        self.metadata_key = metadata_key
        self.sio: Any = None

    def get_output_channel(self) -> OutputChannel | None:
        """Return the output channel for the sockets, or None before the server exists."""
        return None if self.sio is None else SocketIOOutput(self.sio, self.bot_message_evt)

    def get_metadata(self, request: Any) -> Json | None:
        """Return the metadata in an event's payload."""
        metadata = request.get(self.metadata_key or "metadata") if isinstance(request, dict) else None
        return json.loads(metadata) if isinstance(metadata, str) else metadata

    def blueprint(self, on_new_message: OnNewMessage) -> Blueprint:
        """Return the channel's routes, and create its Socket.IO server."""
        sio = AsyncServer(async_mode="asgi", cors_allowed_origins=[])
        self.sio = sio

        async def connect(_: str, __: Any, auth: Any = None) -> bool:
            if not self.jwt_key:
                return True
            token = auth.get("token") if isinstance(auth, dict) else None
            if not isinstance(token, str):
                logger.warning("a connection without a token was refused: jwt_key is set")
                return False
            return decode_bearer_token(token, self.jwt_key, self.jwt_algorithm or "HS256") is not None

        async def session_request(sid: str, data: Any = None) -> None:
            given = data.get("session_id") if isinstance(data, dict) else None
            session_id = given or uuid.uuid4().hex
            if self.session_persistence:
                await sio.enter_room(sid, session_id)
            await sio.emit("session_confirm", session_id, room=sid)

        async def receive(sid: str, data: Any) -> None:
            session_id = data.get("session_id") if isinstance(data, dict) else None
            if self.session_persistence and not session_id:
                logger.warning("a message without session_id was ignored: session_persistence is set")
                return
            sender_id = str(session_id) if self.session_persistence else sid
            if self.session_persistence:
                await sio.enter_room(sid, sender_id)
            message = UserMessage(
                data.get("message", ""),
                SocketIOOutput(sio, self.bot_message_evt),
                sender_id,
                input_channel=self.name(),
                metadata=self.get_metadata(data),
            )
            try:
                await on_new_message(message)
            except ManentError as error:
                await sio.emit("error", {"code": error.code, "message": error.message}, room=sid)

        sio.on("connect", connect, namespace=self.namespace)
        sio.on("session_request", session_request, namespace=self.namespace)
        sio.on(self.user_message_evt, receive, namespace=self.namespace)
        return SocketBlueprint(sio, self.socketio_path or "/socket.io", f"socketio_webhook_{type(self).__name__}")
