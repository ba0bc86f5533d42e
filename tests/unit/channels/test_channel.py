"""The Socket.IO channel as the composition root uses it."""

from pathlib import Path

from support.small_talk import running
from unit.channels.sockets import PERSISTENT, page


async def test_flush_returns_when_everything_is_sent(tmp_path: Path) -> None:
    """At the end of a server its sockets get what was queued; a socket that does not read is not waited for longer."""
    async with running(tmp_path, credentials=PERSISTENT) as server, page(server.url):
        channel = server.channel
        await channel.flush(5.0)
        [connection] = channel.connections

        assert connection.send_queue.is_empty
        assert connection.conversation.sender_id == "ada"


async def test_sessions_over_http_have_the_same_identity(tmp_path: Path) -> None:
    """The key that a server generates at its start signs the tokens of both."""
    async with running(tmp_path, credentials=f"{PERSISTENT}  session_identity: minted\n") as server:
        channel = server.channel

        assert channel.identity is channel.sessions.identity
        assert channel.identity.secret
