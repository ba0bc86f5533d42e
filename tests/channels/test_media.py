"""Files that only the bot can download from a platform are served at secret addresses."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from manent.core.events import UserUttered
from support.messengers import ADA, delivered, log_of, serving
from support.platforms import platform_of
from support.platforms.platform import Platform
from support.small_talk import Running, until


@pytest.fixture(params=["whatsapp", "telegram", "mattermost", "webexteams", "slack", "twilio", "rocketchat"])
async def platform(request: pytest.FixtureRequest) -> AsyncIterator[Platform]:
    """The doubles of the platforms whose files need the bot's token."""
    one = platform_of(request.param)
    async with one.running():
        yield one


async def attachment_of(server: Running, platform: Platform) -> dict[str, Any]:
    """Return the attachment of a message with an image."""
    await delivered(server, platform, platform.attachment(ADA, "1"))
    await until(lambda: server.application.conversations.engine.metrics.accepted == 1)
    [user] = [one.event for one in await log_of(server, platform.address(ADA)) if isinstance(one.event, UserUttered)]
    found: dict[str, Any] = user.metadata["attachments"][0]
    return found


async def test_a_file_is_fetched_from_the_platform(tmp_path: Path, platform: Platform) -> None:
    """The path in the metadata serves the file with headers that stop browsers from running it."""
    async with serving(tmp_path, platform) as server, httpx.AsyncClient(base_url=server.url) as http:
        attachment = await attachment_of(server, platform)
        answer = await http.get(attachment["url"])
    assert (answer.status_code, answer.content) == (200, b"the image")
    assert answer.headers["content-type"] in ("image/jpeg", "image/png")
    assert answer.headers["content-disposition"] == "attachment"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert platform.rejected == []


async def test_files_need_the_key(tmp_path: Path, platform: Platform) -> None:
    """Without the right key, no file is fetched, and the platform is not called."""
    async with serving(tmp_path, platform) as server, httpx.AsyncClient(base_url=server.url) as http:
        attachment = await attachment_of(server, platform)
        path, media_id = attachment["url"].rsplit("/", 1)
        for wrong in (
            f"{path}/9{media_id}",
            f"{path[:-1]}x/{media_id}",
            f"/webhooks/{platform.name}/media/x/{media_id}",
        ):
            assert (await http.get(wrong)).status_code == 404


async def test_a_platform_that_is_down_is_said(tmp_path: Path, platform: Platform) -> None:
    """If the platform cannot be reached, the answer is 503 and contains no secret of the channel."""
    other = platform_of(platform.name)
    async with contextlib.AsyncExitStack() as up:
        await up.enter_async_context(other.running())
        async with serving(tmp_path, other) as server, httpx.AsyncClient(base_url=server.url) as http:
            attachment = await attachment_of(server, other)
            await up.aclose()
            answer = await http.get(attachment["url"])
    assert answer.status_code == 503
    assert "could not be reached" in answer.text
    assert "bot" not in answer.text
