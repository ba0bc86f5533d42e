"""What a socket is sent: in order, at once where nothing waits, and never more than memory allows."""

import asyncio
from typing import Any

import pytest

from manent.channels.socketio import send_queue as module
from manent.channels.socketio.send_queue import SendQueue
from unit.channels.sockets import ScriptedSocket


def queue(socket: Any, *, namespace: str = "/", max_packets: int = 100) -> SendQueue:
    """Return the queue of a socket."""
    return SendQueue(socket, namespace=namespace, max_packets=max_packets)


@pytest.mark.parametrize(
    ("namespace", "packets"),
    [
        ("/", ['42["bot_uttered",{"text":"Hi"}]', "437[]", '438[{"ok":true}]']),
        ("/chat", ['42/chat,["bot_uttered",{"text":"Hi"}]', "43/chat,7[]", '43/chat,8[{"ok":true}]']),
    ],
)
@pytest.mark.parametrize("is_quick", [True, False])
async def test_packets_are_socketios(namespace: str, packets: list[str], *, is_quick: bool) -> None:
    """Events and acknowledgements have the namespace's prefix; without a number nothing is acknowledged."""
    socket = ScriptedSocket(is_quick=is_quick)
    sending = queue(socket, namespace=namespace)
    sending.emit("bot_uttered", {"text": "Hi"})
    sending.acknowledge(None, {"ok": True})
    sending.acknowledge(7)
    sending.acknowledge(8, {"ok": True})

    assert (socket.sent, socket.queued()) == ((packets, []) if is_quick else ([], packets))


async def test_nothing_overtakes_what_waits() -> None:
    """A packet is sent at once only if the queue is empty."""
    socket = ScriptedSocket(is_quick=True)
    sending = queue(socket)
    sending.emit("a", 1)
    socket.queue.put_nowait("of python-engineio")
    sending.emit("b", 2)
    lengths = (len(sending), sending.is_empty)
    socket.queue.get_nowait()
    waiting = socket.queued()
    sending.emit("c", 3)

    assert socket.sent == ['42["a",1]', '42["c",3]']
    assert (lengths, waiting) == ((2, False), ['42["b",2]'])
    assert sending.is_empty


async def test_a_client_that_does_not_read_is_closed() -> None:
    """Beyond the limit of packets the socket is closed, once, and what waited is thrown away."""
    socket = ScriptedSocket()
    sending = queue(socket, max_packets=3)
    for number in range(6):
        sending.emit("n", number)
    assert sending.dropped is not None
    await sending.dropped

    assert sending.is_closed
    assert socket.queue.get_nowait() is None
    assert socket.queue.empty()


async def test_characters_that_were_sent_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of characters is one of those that still wait; one packet alone always passes."""
    monkeypatch.setattr(module, "MAX_WAITING", 100)
    socket = ScriptedSocket()
    sending = queue(socket)
    sending.emit("big", "x" * 500)
    socket.queue.get_nowait()
    sending.emit("small", "y" * 20)
    for _ in range(20):
        sending.emit("small", "y" * 20)
        socket.queue.get_nowait()
    assert sending.dropped is None
    for _ in range(10):
        sending.emit("small", "y" * 20)
    await asyncio.sleep(0)

    assert sending.dropped is not None
    assert socket.closed


async def test_a_closed_socket_is_sent_nothing() -> None:
    """What is sent after the end is dropped, and takes no memory."""
    socket = ScriptedSocket(is_quick=True)
    socket.closed = True
    queue(socket).emit("a", 1)

    assert (socket.sent, socket.queued()) == ([], [])
