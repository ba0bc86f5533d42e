"""The parts of the desk, and their order. `server/app.py` builds it if `desk` is configured."""

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from manent.desk.chatwoot import Chatwoot
from manent.desk.feed import Feed
from manent.desk.identity import Identity, make_keys
from manent.desk.members import invite, join_path
from manent.desk.oidc import Oidc
from manent.desk.reader import Reader
from manent.desk.webhooks import TIMEOUT_S as NOTICE_TIMEOUT_S
from manent.desk.webhooks import Notices
from manent.project.settings.desk import DeskOptions
from manent.runtime.conversation.registry import Conversations
from manent.runtime.identity.tokens import KeySource, Revoked
from manent.runtime.ports.desk import DeskStore
from manent.stores.desk.tables import open_desk_tables

if TYPE_CHECKING:
    import aiohttp


class Addresses(Protocol):
    """The addresses to which the server may connect on behalf of a request."""

    async def check_url(self, url: str, name: str) -> None:
        """Raise RequestError if a URL leads to a forbidden address. `name` is the parameter with the URL."""

    def open_session(self, *, timeout_s: float) -> "aiohttp.ClientSession":
        """Return a client that connects to allowed addresses only."""


class Desk:
    """The desk of one server.

    Args:
        options: its options.
        conversations: all conversations.
        revoked: the revoked tokens.
        fetch_keys: returns the keys at an address.
        allowed: the addresses to which webhooks may lead.
        root: the project's folder.

    Raises:
        StoreError: the store has no tables for the desk.
        ProjectError: a key is invalid or cannot be read.
    """

    def __init__(
        self,
        options: DeskOptions,
        conversations: Conversations,
        *,
        revoked: Revoked,
        fetch_keys: Callable[[str], KeySource],
        allowed: Addresses,
        root: Path,
    ) -> None:
        engine = conversations.engine
        self.options = options
        self.allowed = allowed
        self.conversations = conversations
        self.tables: DeskStore = open_desk_tables(engine.store)
        self.identity = Identity(options, self.tables, keys=make_keys(options, fetch_keys, root=root), revoked=revoked)
        self.oidc = Oidc(options, fetch_keys) if options.identity == "oidc" else None
        self.feed = Feed(conversations, self.tables, server=engine.leases.owner)
        self.reader = Reader(engine.store, self.tables, wrote=self._wrote, metrics=engine.metrics)
        self.chatwoot = self._open_chatwoot()
        self.notices = Notices(
            engine.store,
            self.tables,
            lambda: allowed.open_session(timeout_s=NOTICE_TIMEOUT_S),
            metrics=engine.metrics,
        )
        engine.log_readers.append(self.reader.note)
        engine.typing_readers.append(self.feed.visitor_types)
        engine.is_staffed = lambda: self.feed.is_staffed or self.chatwoot is not None

    def _open_chatwoot(self) -> Chatwoot | None:
        if self.options.chatwoot is None:
            return None
        return Chatwoot(
            self.options.chatwoot,
            self.conversations,
            self.tables,
            server=self.conversations.engine.leases.owner,
            public_url=self.options.public_url,
        )

    def _wrote(self) -> None:
        """Read the feed soon, because this server has written to it."""
        self.feed.poll_soon()
        if self.chatwoot is not None:
            self.chatwoot.wake()

    async def first_link(self) -> str:
        """Return the path of a link with which the person who started the server joins as an administrator."""
        _, token = await invite(self.tables, "Admin", "admin")
        return join_path(token)

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Open the parts. The store must be open.

        Raises:
            StoreError: the store is not available.
        """
        async with contextlib.AsyncExitStack() as parts:
            await self.tables.open()
            parts.push_async_callback(self.identity.close)
            if self.oidc is not None:
                parts.push_async_callback(self.oidc.close)
            await self.feed.open()
            parts.push_async_callback(self.feed.close)
            await self.reader.open()
            parts.push_async_callback(self.reader.close)
            await self.notices.open()
            parts.push_async_callback(self.notices.close)
            if self.chatwoot is not None:
                await self.chatwoot.open()
                parts.push_async_callback(self.chatwoot.close)
            yield
