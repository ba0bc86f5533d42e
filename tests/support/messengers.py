"""A server with one messenger channel, and what tests of channels do with it."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx

from manent.core.conversation_log import LogEntry
from manent.core.events import BotUttered, UserUttered
from manent.runtime import operations
from support.platforms.platform import Platform, Webhook
from support.small_talk import Running, running

ADA, EVE = "1001", "1002"
"""Two visitors. Telegram's ids are numbers."""


@contextlib.asynccontextmanager
async def serving(root: Path, platform: Platform, *, more: str = "", **options: Any) -> AsyncIterator[Running]:
    """Serve the assistant with one messenger channel."""
    async with running(root, credentials=platform.credentials() + more, **options) as server:
        platform.public_url = server.url
        await platform.ready()
        yield server


async def deliver(server: Running, platform: Platform, hook: Webhook) -> httpx.Response:
    """Deliver a webhook."""
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        path = f"/webhooks/{platform.name}/webhook"
        return await http.request(hook.method, path, content=hook.body, headers=hook.headers, params=hook.query)


async def delivered(server: Running, platform: Platform, *hooks: Webhook) -> None:
    """Deliver webhooks one after the other; each is confirmed."""
    for hook in hooks:
        answer = await deliver(server, platform, hook)
        assert answer.status_code == 200, answer.text


async def log_of(server: Running, sender_id: str) -> list[LogEntry]:
    """Return the log of a conversation."""
    return await server.conversations.engine.store.entries(sender_id)


async def said(server: Running, sender_id: str) -> list[str]:
    """Return the texts of the visitor in the log."""
    entries = await log_of(server, sender_id)
    return [entry.event.text or "" for entry in entries if isinstance(entry.event, UserUttered)]


async def utter(server: Running, sender_id: str, text: str | None, **data: Any) -> None:
    """Let the bot say something that no message caused."""
    conversation = server.conversations.get(sender_id)
    await operations.apply_events(conversation, [BotUttered(text=text, data=data)])


def channel_of(server: Running, platform: Platform) -> Any:
    """Return the channel."""
    return server.application.channels.others[platform.name][0]
