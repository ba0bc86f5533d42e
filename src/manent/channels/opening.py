"""Builds the channels that `credentials.yml` configures. `server/app.py` calls this."""

import contextlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace as replace_options
from starlette.routing import BaseRoute

from manent.channels.identity import (
    MakeKeys,
    identity_beside,
    make_identity,
    needs_secret,
    notes_on,
)
from manent.channels.inbox import Inbox
from manent.channels.port import Channel
from manent.channels.socketio.channel import SocketIoChannel
from manent.channels.socketio.options import SocketIoOptions
from manent.channels.webhook import health_routes
from manent.core.errors import Problem, ProjectError
from manent.core.events import Json
from manent.core.postbox import OPEN_CHANNELS
from manent.extensions.finding import Site, calling, create, find, in_section
from manent.extensions.options import options_of
from manent.extensions.points import CHANNELS, CHANNELS_WITHOUT_SERVER, FILES
from manent.runtime.conversation.registry import Conversations
from manent.runtime.identity.modes import Mode
from manent.runtime.identity.revocations import Revocations
from manent.runtime.ports.channel import Messenger
from manent.runtime.ports.store import ConversationStore

if TYPE_CHECKING:
    from manent.runtime.background.receiving import Receiver
    from manent.runtime.background.sending import Sender

FILE = "credentials.yml"

_BAD = "credentials.bad-channel"

OWN_PATH = "/webchat/socket.io"
"""Path of the web chat's sockets if a custom channel of the project serves the default path."""


@dataclass(slots=True, kw_only=True)
class Channels:
    """The channels of one server process.

    Attributes:
        socketio: the Socket.IO channel, which always exists, because the hosted web chat needs it.
        others: name → channel and its inbox, for the other channels.
        routes: the routes of all channels.
        notes: notes for the user about the configuration. Each note is one sentence.
        shared_with: messenger channel → the channels that may use its conversations.
        receiver: stores the messages of messenger platforms, or None if no messenger channel is configured.
        sender: sends messages to messenger platforms, or None if no messenger channel is configured.
        _sections: name of a channel → name of its section in `credentials.yml`.
    """

    socketio: SocketIoChannel
    others: dict[str, tuple[Channel, Inbox]]
    routes: list[BaseRoute]
    notes: tuple[str, ...]
    shared_with: Mapping[str, frozenset[str]] = field(default_factory=dict)
    receiver: "Receiver | None" = None
    sender: "Sender | None" = None
    _sections: Mapping[str, str] = field(default_factory=dict)
    _opened: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    async def open(self, store: ConversationStore) -> None:
        """Open all channels.

        First set the key that signs session tokens: the configured key, or a key that the first server generates and
        stores.

        Raises:
            ProjectError: the class of a channel raises an error.
        """
        holders: list[SocketIoChannel | Inbox] = [self.socketio, *(inbox for _, inbox in self.others.values())]
        if any(needs_secret(holder.identity) for holder in holders):
            secret = await store.put_meta("session_secret", secrets.token_bytes(32))
            for holder in holders:
                holder.identity = replace(holder.identity, secret=secret)
        if self.shared_with or await store.has_routes():
            for holder in holders:
                holder.identity = replace(holder.identity, shared_with=self.shared_with)
        self.socketio.sessions.conversations.engine.session_token = self.socketio.identity.token_of
        async with contextlib.AsyncExitStack() as opened:
            for name, (channel, _) in self.others.items():
                section = self._sections[name]
                opened.push_async_callback(channel.close)
                with in_section(FILE, section, _BAD), calling(section, "it starts"):
                    await channel.open()
            self._opened = opened.pop_all()

    async def close(self) -> None:
        """Close all channels, the last one first."""
        await self._opened.aclose()
        await self.socketio.close()


def open_channels(
    credentials: Mapping[str, Json],
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
        credentials: channel → options, already checked by `project/settings/credentials.py`.
        conversations: receive the messages. Channels that can send messages without a request are added to
            `engine.outputs`.
        revocations: the revoked tokens. The Socket.IO channel is added as a listener, which closes the sockets of
            revoked tokens.
        make_keys: function that creates the key source for `jwks_url`. Required if `jwks_url` is configured.
        root: the folder to which relative paths refer.
        cors: origins of pages that may connect, in addition to the server's own origin.
        connector: the only channel to open, together with Socket.IO, which the hosted page needs.

    Raises:
        ProjectError: an option is invalid, a secret is too short, or the class of a channel raises an error.
        BadExtension: a channel's class cannot be imported.
    """
    if connector is not None:
        credentials = {connector: credentials.get(connector) or {}}
    section = credentials.get(SocketIoChannel.name) or {}
    options: SocketIoOptions = options_of(SocketIoChannel, SocketIoChannel.name, section, file=FILE)
    revocations = revocations or Revocations(conversations.engine.store)
    identity = make_identity(options, conversations, revocations, make_keys, root=root)
    created: dict[str, tuple[Channel, Any]] = {}
    sections: dict[str, str] = {}
    unknown = []
    for name, own_section in (credentials or {"rest": {}}).items():
        if name in (SocketIoChannel.name, FILES) or name in CHANNELS_WITHOUT_SERVER:
            continue
        found = find(CHANNELS, name)
        if found is None:
            unknown.append(name)
            continue
        own_options = options_of(found, name, own_section, file=FILE)
        with in_section(FILE, name, _BAD):
            channel: Channel = create(name, found, own_options, Site(root))
        _check_name(name, channel.name, {*created, *(credentials.keys() & {SocketIoChannel.name})})
        created[channel.name] = (channel, own_options)
        sections[channel.name] = name
    messengers = {name: channel for name, (channel, _) in created.items() if isinstance(channel, Messenger)}
    receiver, sender = _open_messengers(messengers, conversations) if messengers else (None, None)
    others: dict[str, tuple[Channel, Inbox]] = {}
    routes: list[BaseRoute] = [*health_routes(SocketIoChannel.name)]
    for name, (channel, own_options) in created.items():
        mode: Mode = getattr(own_options, "session_identity", "open")
        beside = identity_beside(name, mode, identity, sections[name])
        inbox = Inbox(name, conversations, beside, receiver.receive if receiver is not None else None)
        others[name] = (channel, inbox)
        with in_section(FILE, sections[name], _BAD), calling(sections[name], "its routes are created"):
            routes += channel.routes(inbox)
        routes += health_routes(name)
        if name in messengers or channel.output is not None:
            conversations.engine.outputs[name] = channel.output
    socketio = SocketIoChannel(_beside_other_sockets(options, credentials, others), conversations, identity, cors=cors)
    conversations.engine.outputs.setdefault(SocketIoChannel.name, None)
    revocations.listeners.append(socketio.close_revoked)
    conversations.engine.posted_to = OPEN_CHANNELS & messengers.keys()
    shared_with = {name: _shared_with(name, created[name][1]) for name in messengers if name not in OPEN_CHANNELS}
    notes = [*_notes(unknown), *_notes_on_sharing(shared_with)]
    notes += [f"{name}: {note}" for name, (channel, _) in created.items() for note in getattr(channel, "notes", ())]
    notes += notes_on(options) if SocketIoChannel.name in credentials else ()
    return Channels(
        socketio=socketio,
        others=others,
        routes=routes,
        notes=tuple(notes),
        shared_with=shared_with,
        receiver=receiver,
        sender=sender,
        _sections=sections,
    )


def _open_messengers(messengers: Mapping[str, Messenger], conversations: Conversations) -> tuple["Receiver", "Sender"]:
    from manent.runtime.background.receiving import Receiver
    from manent.runtime.background.sending import Sender

    engine = conversations.engine
    sender = Sender(engine.store, messengers, owner=engine.leases.owner, now=engine.leases.now, metrics=engine.metrics)
    engine.log_readers.append(sender.note)
    return Receiver(conversations, messengers), sender


def _shared_with(name: str, options: Any) -> frozenset[str]:
    """Return the channels that may use the conversations of a messenger.

    Raises:
        ProjectError: `callback` is among them. All bot messages in these conversations go over the messenger.
    """
    others = frozenset(getattr(options, "shared_with", ()))
    if posted := others & OPEN_CHANNELS:
        problem = Problem(
            file=FILE,
            line=0,
            path=f"{name}.shared_with",
            code="credentials.shared-with-callback",
            found=", ".join(sorted(posted)),
            expected=f"channels that do not send messages themselves, because {name} sends all messages of the bot",
        )
        raise ProjectError([problem])
    return others


def _check_name(section: str, name: str, taken: set[str]) -> None:
    if name in taken:
        raise ProjectError(
            [
                Problem(
                    file=FILE,
                    line=0,
                    path=section,
                    code="credentials.channel-twice",
                    found=f'a second channel with the name "{name}"',
                    expected="a different name for each channel",
                    suggestion="Remove one of the sections, or change the name in the class",
                )
            ]
        )


def _beside_other_sockets(
    options: SocketIoOptions, credentials: Mapping[str, Json], others: Mapping[str, tuple[Channel, Inbox]]
) -> SocketIoOptions:
    """Return the options of Socket.IO with a path that no other channel serves.

    Raises:
        ProjectError: the project has configured the same path for two channels.
    """
    for name, (channel, _) in others.items():
        path = getattr(channel, "socket_path", None)
        if path is None or path != options.socketio_path.rstrip("/"):
            continue
        if SocketIoChannel.name in credentials:
            problem = Problem(
                file=FILE,
                line=0,
                path="socketio.socketio_path",
                code="credentials.socketio-path",
                found=f"the path {path}, which the channel {name} also serves",
                expected="a different path for each channel",
            )
            raise ProjectError([problem])
        return replace_options(options, socketio_path=OWN_PATH)
    return options


def _notes_on_sharing(shared_with: Mapping[str, frozenset[str]]) -> list[str]:
    return [
        f"{name}: {', '.join(sorted(others))} can use its conversations (shared_with): anyone who knows the id of a"
        " visitor can read and write them"
        for name, others in shared_with.items()
        if others
    ]


def _notes(unknown: Sequence[str]) -> list[str]:
    if not unknown:
        return []
    served = ", ".join((*CHANNELS.built_in, *CHANNELS_WITHOUT_SERVER))
    ignored = f"{FILE} contains unsupported channels, which are ignored: {', '.join(unknown)}."
    return [f"{ignored} Supported channels: {served}, and channels that a package or the project adds"]
