"""Which channels a project opens."""

import pytest

from manent.channels.opening import open_channels
from manent.core.errors import ProjectError
from manent.stores.memory import MemoryStore
from support.small_talk import home


def test_what_is_not_supported_is_named_once() -> None:
    """Channels that this version lacks are left out, and named in one line."""
    channels = open_channels({"rest": {}, "rasa": {}, "kiosk": {}}, home(MemoryStore()))

    assert list(channels.others) == ["rest"]
    assert [note for note in channels.notes if "rasa, kiosk" in note]


def test_without_credentials_the_ways_to_try_it_are_open() -> None:
    """A project without credentials can be talked to over REST and in the web chat."""
    channels = open_channels({}, home(MemoryStore()))

    assert list(channels.others) == ["rest"]
    assert channels.notes == ()


def test_connector_leaves_only_that_channel() -> None:
    """With --connector the others stay closed."""
    channels = open_channels({"rest": {}, "callback": {"url": "http://x"}}, home(MemoryStore()), connector="rest")

    assert list(channels.others) == ["rest"]


def test_open_identity_is_said_aloud() -> None:
    """The open mode is explained where it is used, and not where ids are minted."""
    told = open_channels({"socketio": {}}, home(MemoryStore())).notes
    minted = open_channels({"socketio": {"session_identity": "minted"}}, home(MemoryStore())).notes

    assert "session_identity" in told[0]
    assert minted == ()


@pytest.mark.parametrize(
    "credentials",
    [
        {"socketio": {"session_identity": "minted", "session_secret": "short"}},
        {"rest": {"session_identity": "anything"}},
        {"socketio": {"session_persistence": "maybe"}},
    ],
)
def test_mistakes_are_refused_at_start(credentials: dict[str, dict[str, object]]) -> None:
    """A secret that can be guessed or an option that cannot be read stops the server before it starts."""
    with pytest.raises(ProjectError):
        open_channels(credentials, home(MemoryStore()))


async def test_secret_is_made_once_and_kept() -> None:
    """Two servers on one store prove sessions with the same key, though none is configured."""
    store = MemoryStore()
    opened = []
    for _ in range(2):
        channels = open_channels({"rest": {}, "socketio": {"session_identity": "minted"}}, home(store))
        await channels.open(store)
        opened.append(channels)
    first, second = opened
    mine = await first.socketio.identity.new()

    assert await second.socketio.identity.admit(mine.sender_id, mine.token) == mine
    _, inbox = second.others["rest"]
    assert (await inbox.identity.admit(mine.sender_id, mine.token)).sender_id == mine.sender_id
