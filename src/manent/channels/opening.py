"""Which channels a project opens: from `credentials.yml` to channels that are ready to be served.

The composition root calls this. It constructs and opens nothing; what it leaves out, it names.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from starlette.routing import Route

from manent.channels import callback, socketio
from manent.channels.callback import CallbackChannel
from manent.channels.rest import RestChannel, health_routes
from manent.channels.socketio import SocketIoChannel, SocketIoOptions
from manent.core.errors import Problem, ProjectError
from manent.core.events import Json
from manent.runtime.conversations import Conversations
from manent.runtime.identity import Identity, Mode
from manent.runtime.ports import ConversationStore

SUPPORTED = ("socketio", "rest", "callback", "cmdline")

MIN_SECRET = 16
"""Bytes of a `session_secret`; shorter ones can be guessed."""


@dataclass(slots=True, kw_only=True)
class Channels:
    """The channels of one server process.

    Attributes:
        socketio: always there: the hosted web chat needs it.
        rest: when `credentials.yml` names it, or names no channel at all.
        callback: when `credentials.yml` names it.
        notes: what the user should know about the configuration, a sentence each.
    """

    socketio: SocketIoChannel
    rest: RestChannel | None
    callback: CallbackChannel | None
    notes: tuple[str, ...]

    def routes(self) -> list[Route]:
        """Return the routes of the channels that are plain HTTP."""
        routes = health_routes(SocketIoChannel.name)
        routes += [] if self.rest is None else self.rest.routes()
        return routes if self.callback is None else [*routes, *self.callback.routes()]

    async def open(self, store: ConversationStore) -> None:
        """Take the key of the session tokens: the configured one, else one that is made once and kept in the store."""
        identity = self.socketio.identity
        if identity.secret or not (identity.mode == "minted" or (self.rest and self.rest.identity.mode == "minted")):
            return
        secret = await store.put_meta("session_secret", secrets.token_bytes(32))
        self.socketio.identity = self.socketio.sessions.identity = replace(identity, secret=secret)
        for channel in (self.rest, self.callback):
            if channel is not None:
                channel.identity = replace(channel.identity, secret=secret)

    async def close(self) -> None:
        """Let go of connections."""
        if self.callback is not None:
            await self.callback.close()


def open_channels(
    credentials: dict[str, Json],
    conversations: Conversations,
    *,
    cors: Sequence[str] = (),
    connector: str | None = None,
) -> Channels:
    """Make the channels that a project configures.

    Args:
        credentials: channel → options.
        conversations: where messages go; learns of the channels that can send on their own.
        cors: origins of pages that may connect, besides the server's own.
        connector: only this channel (and Socket.IO, which the hosted page needs).

    Raises:
        ProjectError: an option has the wrong type, or a secret is too short.
    """
    if connector is not None:
        credentials = {connector: credentials.get(connector) or {}}
    options = socketio.read_options(credentials.get("socketio") or {})
    secret = _secret(options)
    identity = Identity(mode=options.session_identity, secret=secret)
    channel = SocketIoChannel(options, conversations, identity, cors=cors)
    conversations.outputs[SocketIoChannel.name] = None

    rest = None
    rest_section = credentials.get("rest")
    if rest_section is not None or not credentials:
        rest = RestChannel(conversations, _identity_of("rest", rest_section or {}, identity))
    answering = None
    if (section := credentials.get("callback")) is not None:
        answering = CallbackChannel(
            callback.read_options(section), conversations, _identity_of("callback", section, identity)
        )
        conversations.outputs[CallbackChannel.name] = answering
    return Channels(socketio=channel, rest=rest, callback=answering, notes=_notes(credentials, options))


def _identity_of(channel: str, section: Json, other: Identity) -> Identity:
    """Return the identity of a channel of its own mode, under the one key; minted ids are safe from an open one."""
    mode = section.get("session_identity") or "open"
    if mode not in ("open", "minted"):
        raise _problem(f"{channel}.session_identity", f"{mode!r}", "open or minted")
    return Identity(mode=cast("Mode", mode), secret=other.secret, guards_minted=other.mode == "minted")


def _secret(options: SocketIoOptions) -> bytes:
    secret = (options.session_secret or "").encode()
    if secret and len(secret) < MIN_SECRET:
        raise _problem("socketio.session_secret", f"{len(secret)} bytes", f"at least {MIN_SECRET} bytes")
    return secret


def _problem(path: str, found: str, expected: str) -> ProjectError:
    code = "credentials." + path.rpartition(".")[2].replace("_", "-")
    return ProjectError([Problem(file="credentials.yml", line=0, path=path, code=code, found=found, expected=expected)])


def _notes(credentials: dict[str, Json], options: SocketIoOptions) -> tuple[str, ...]:
    unknown = [name for name in credentials if name not in SUPPORTED]
    notes = []
    if unknown:
        notes.append(
            f"credentials.yml: not supported yet and left out: {', '.join(unknown)}."
            f" Supported are {', '.join(SUPPORTED)}"
        )
    if "socketio" in credentials and options.session_identity == "open":
        notes.append(
            "session_identity is open: whoever knows a session id reads and speaks in its conversation."
            " `session_identity: minted` under socketio: in credentials.yml binds a conversation to the browser that"
            " began it"
        )
    return tuple(notes)
