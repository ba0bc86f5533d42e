"""Builds the channels that `credentials.yml` configures. `server/app.py` calls this."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from starlette.routing import Route

from manent.channels import callback
from manent.channels.callback import CallbackChannel
from manent.channels.identity_options import (
    IdentityOptions,
    MakeKeys,
    identity_beside,
    make_identity,
    needs_secret,
    notes_on,
    read_identity,
)
from manent.channels.rest import RestChannel
from manent.channels.socketio.channel import SocketIoChannel
from manent.channels.socketio.options import read_options
from manent.channels.webhook import health_routes
from manent.core.events import Json
from manent.core.messages import SERVED_CHANNELS
from manent.runtime.conversation.registry import Conversations
from manent.runtime.identity.admission import Identity
from manent.runtime.identity.revocations import Revocations
from manent.runtime.ports.store import ConversationStore


@dataclass(slots=True, kw_only=True)
class Channels:
    """The channels of one server process.

    Attributes:
        socketio: the Socket.IO channel. It always exists, because the hosted web chat needs it.
        rest: the REST channel, if `credentials.yml` names it or names no channel at all.
        callback: the callback channel, if `credentials.yml` names it.
        notes: notes about the configuration for the user, one sentence each.
    """

    socketio: SocketIoChannel
    rest: RestChannel | None
    callback: CallbackChannel | None
    notes: tuple[str, ...]

    def routes(self) -> list[Route]:
        """Return the routes of the HTTP channels, and the health route of Socket.IO."""
        routes = health_routes(SocketIoChannel.name)
        routes += [] if self.rest is None else self.rest.routes()
        return routes if self.callback is None else [*routes, *self.callback.routes()]

    async def open(self, store: ConversationStore) -> None:
        """Set the key that signs session tokens. It is configured, or generated once and kept in the store."""
        channels = [channel for channel in (self.socketio, self.rest, self.callback) if channel is not None]
        if any(needs_secret(channel.identity) for channel in channels):
            secret = await store.put_meta("session_secret", secrets.token_bytes(32))
            for channel in channels:
                channel.identity = replace(channel.identity, secret=secret)
        self.socketio.conversations.engine.session_token = self.socketio.identity.token_of

    async def close(self) -> None:
        """Close the connections to other servers."""
        if self.callback is not None:
            await self.callback.close()
        if self.socketio.identity.verifier is not None:
            await self.socketio.identity.verifier.keys.close()


def open_channels(
    credentials: dict[str, Json],
    conversations: Conversations,
    revocations: Revocations | None = None,
    *,
    make_keys: MakeKeys | None = None,
    root: Path = Path(),
    cors: Sequence[str] = (),
    connector: str | None = None,
) -> Channels:
    """Build the channels that a project configures.

    Args:
        credentials: channel → options.
        conversations: the registry that receives messages. Channels that can send without a request are added to
            `engine.outputs`.
        revocations: the revoked tokens. The Socket.IO channel is added to its listeners, to close the sockets of
            revoked tokens.
        make_keys: creates the key source for `jwks_url`. It is required if `jwks_url` is configured.
        root: the folder from which relative paths start.
        cors: origins of other sites whose pages may connect.
        connector: open only this channel (and Socket.IO, which the hosted page needs).

    Raises:
        ProjectError: an option is invalid, or a secret is too short.
    """
    if connector is not None:
        credentials = {connector: credentials.get(connector) or {}}
    options = read_options(credentials.get("socketio") or {})
    revocations = revocations or Revocations(conversations.engine.store)
    identity_options = read_identity(credentials.get("socketio") or {}, "socketio")
    identity = make_identity(identity_options, conversations, revocations, make_keys, root=root)
    socketio = SocketIoChannel(options, conversations, identity, cors=cors)
    conversations.engine.outputs[SocketIoChannel.name] = None
    revocations.listeners.append(socketio.close_revoked)

    rest = None
    rest_section = credentials.get("rest")
    if rest_section is not None or not credentials:
        rest = RestChannel(conversations, _beside("rest", rest_section, identity))
    callbacks = None
    if (section := credentials.get("callback")) is not None:
        callbacks = CallbackChannel(
            callback.read_options(section), conversations, _beside("callback", section, identity)
        )
        conversations.engine.outputs[CallbackChannel.name] = callbacks
    return Channels(socketio=socketio, rest=rest, callback=callbacks, notes=_notes(credentials, identity_options))


def _beside(channel: str, section: Json | None, other: Identity) -> Identity:
    return identity_beside(channel, read_identity(section or {}, channel), other)


def _notes(credentials: dict[str, Json], options: IdentityOptions) -> tuple[str, ...]:
    unknown = [name for name in credentials if name not in SERVED_CHANNELS]
    notes = []
    if unknown:
        notes.append(
            f"credentials.yml contains unsupported channels, which are ignored: {', '.join(unknown)}."
            f" Supported channels: {', '.join(SERVED_CHANNELS)}"
        )
    if "socketio" in credentials:
        notes += notes_on(options)
    return tuple(notes)
