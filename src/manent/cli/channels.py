"""`manent channels` and `manent channels set-webhook`: show and check the channels of `credentials.yml`."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from manent.core.errors import ManentError
from manent.core.events import Json
from manent.extensions.finding import Site, create, find, in_section
from manent.extensions.options import options_of
from manent.extensions.points import CHANNELS, CHANNELS_WITHOUT_SERVER, FILES
from manent.project.settings.credentials import read_credentials
from manent.project.settings.locating import located

FILE = "credentials.yml"

Credentials = Annotated[
    Path | None, typer.Option("--credentials", metavar="FILE", help="Channel credentials. Default: credentials.yml.")
]


def list_channels(
    *,
    check: Annotated[bool, typer.Option("--check", help="Check the credentials with the platforms.")] = False,
    url: Annotated[
        str, typer.Option("--url", metavar="URL", help="Public URL of the server, for the webhook URLs.")
    ] = "https://<your server>",
    credentials: Credentials = None,
) -> None:
    """List the configured channels and their webhook URLs, which you enter on the platforms' pages."""
    found = _configured(credentials)
    if not found:
        print(f"{FILE} contains no channels. The server provides the web chat and rest.")
        return
    width = max(len(name) for name in found)
    for name, section in found.items():
        print(f"{name:<{width}}  {_described(name, section, url)}")
    with located(credentials=credentials or Path(FILE)):
        is_right = not check or asyncio.run(_check_all(found, width))
    if not is_right:
        raise typer.Exit(1)


def set_webhook(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="Name of the channel, for example telegram.")],
    *,
    credentials: Credentials = None,
) -> None:
    """Register the channel's webhook URL with its platform."""
    found = _configured(credentials)
    if channel not in found:
        raise ManentError(
            "unknown_channel", f"{FILE} contains no channel {channel}; it contains: {', '.join(found) or 'none'}"
        )
    with located(credentials=credentials or Path(FILE)):
        opened = _created(channel, found[channel])
    if not hasattr(opened, "set_webhook"):
        raise ManentError(
            "no_webhook_call",
            f"{channel} has no API for webhooks: enter the URL from `manent channels` on the platform's page",
        )
    asyncio.run(_use(opened, opened.set_webhook))
    print(f"{channel}: the webhook is set.")


def _configured(given: Path | None) -> dict[str, Json]:
    found = read_credentials(given or Path(FILE))
    found.pop(FILES, None)
    return found


def _created(name: str, section: Json) -> Any:
    found = find(CHANNELS, name)
    with in_section(FILE, name, "credentials.bad-channel"):
        return create(name, found, options_of(found, name, section, file=FILE), Site(Path.cwd()))


def _described(name: str, section: Json, url: str) -> str:
    if name in CHANNELS_WITHOUT_SERVER:
        return "needs no server"
    found = find(CHANNELS, name)
    if found is None:
        return "is not supported and is ignored"
    if name == "socketio":
        return "the web chat"
    return str(section.get("webhook_url") or f"{url.rstrip('/')}/webhooks/{getattr(found, 'name', name)}/webhook")


async def _check_all(found: dict[str, Json], width: int) -> bool:
    """Check the credentials of every channel that supports it, and print the results. Return whether all are valid."""
    is_right = True
    for name, section in found.items():
        if name in CHANNELS_WITHOUT_SERVER or find(CHANNELS, name) is None:
            continue
        if name == "socketio":
            continue
        channel = _created(name, section)
        if not hasattr(channel, "check"):
            continue
        try:
            print(f"{name:<{width}}  ok: {await _use(channel, channel.check)}")
        except ManentError as error:
            is_right = False
            print(f"{name:<{width}}  failed: {error.message}")
    return is_right


async def _use(channel: Any, work: Callable[[], Awaitable[Any]]) -> Any:
    """Call a method of a channel outside a server, and close the channel."""
    async with contextlib.AsyncExitStack() as opened:
        opened.push_async_callback(channel.close)
        return await work()
