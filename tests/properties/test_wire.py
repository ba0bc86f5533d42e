"""The short way of messages on a WebSocket against the long one, through the libraries: any frames, any pieces."""

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

import uvicorn
from hypothesis import example, given
from hypothesis import strategies as st
from uvicorn.server import ServerState
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

from manent.channels.socketio.websocket import WIRE
from manent.server.edge.connections import WebSocketConnection

Message = str | bytes

_texts = st.one_of(
    st.text(max_size=40),
    st.sampled_from([0, 1, 119, 120, 125, 126, 127, 300, 65_535, 65_536]).map("x".__mul__),
    st.sampled_from([124, 126, 1000]).map("é".__mul__),
)
_frames = st.one_of(
    _texts.map(lambda text: [Frame(Opcode.TEXT, text.encode())]),
    st.binary(max_size=200).map(lambda data: [Frame(Opcode.BINARY, data)]),
    st.binary(max_size=100).map(lambda data: [Frame(Opcode.PING, data)]),
    st.binary(max_size=100).map(lambda data: [Frame(Opcode.PONG, data)]),
    st.lists(_texts, min_size=2, max_size=3).map(
        lambda parts: [
            Frame(Opcode.CONT if number else Opcode.TEXT, part.encode(), number == len(parts) - 1)
            for number, part in enumerate(parts)
        ]
    ),
)


class Pipe:
    """A transport that keeps what is written to it."""

    def __init__(self) -> None:
        self.written = b""
        self.closing = False

    def write(self, data: bytes) -> None:
        """Take bytes."""
        self.written += data

    def close(self) -> None:
        """No more of them."""
        self.closing = True

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.closing

    def get_extra_info(self, _: str) -> None:
        """Tell nothing."""
        return

    def get_write_buffer_size(self) -> int:
        """Nothing waits."""
        return 0

    def pause_reading(self) -> None:
        """Everything is here already."""

    resume_reading = pause_reading


async def _talk(pieces: Sequence[tuple[bytes, bool]], *, short: bool, answers: Sequence[str]) -> tuple[Any, ...]:
    """Send pieces to a server, waiting after those that are marked.

    Returns:
        The messages that it got, in order; how many of them went the short way; what it wrote back; the texts that it
        could write at once.
    """
    got: list[Message] = []
    taken = 0
    wires: list[Any] = []

    def take(text: str) -> bool:
        nonlocal taken
        taken += 1
        got.append(text)
        return True

    async def app(scope: Any, receive: Any, send: Any) -> None:
        wires.append(scope["extensions"][WIRE])
        await receive()
        await send({"type": "websocket.accept"})
        if short:
            wires[0].take = take
        while (message := await receive())["type"] == "websocket.receive":
            got.append(message["text"] if message.get("text") is not None else message["bytes"])

    config = uvicorn.Config(app, log_config=None, ws_per_message_deflate=False, interface="asgi3")
    config.load()
    server, pipe = WebSocketConnection(config, ServerState(), {}), Pipe()
    server.connection_made(pipe)  # type: ignore[arg-type]
    client = ClientProtocol(parse_uri("ws://localhost/"))
    client.send_request(client.connect())
    server.data_received(b"".join(client.data_to_send()))
    for _ in range(3):
        await asyncio.sleep(0)
    for piece, rests in pieces:
        server.data_received(piece)
        for _ in range(3 if rests else 0):
            await asyncio.sleep(0)
    for _ in range(3 + len(pieces)):
        await asyncio.sleep(0)
    written = [text for text in answers if wires[0].write(text.encode())]
    client.receive_data(pipe.written)
    heard = [event.data for event in client.events_received() if isinstance(event, Frame)]
    server.connection_lost(None)
    await asyncio.sleep(0)
    return got, taken, heard, written


def _pieces(frames: Sequence[Frame], cuts: Sequence[int], rests: Sequence[bool]) -> list[tuple[bytes, bool]]:
    """Serialize frames and cut what they are together; without cuts, each frame is a piece."""
    each = [frame.serialize(mask=True) for frame in frames]
    if cuts:
        whole = b"".join(each)
        places = [0, *sorted(cut % (len(whole) + 1) for cut in cuts), len(whole)]
        each = [whole[start:end] for start, end in itertools.pairwise(places) if end > start]
    return list(zip(each, itertools.cycle(rests)))


@given(
    st.lists(_frames, max_size=6).map(lambda several: list(itertools.chain.from_iterable(several))),
    st.lists(st.integers(0, 100_000), max_size=4),
    st.lists(st.booleans(), min_size=1, max_size=4),
    st.lists(_texts, max_size=3),
)
@example([Frame(Opcode.TEXT, b"a"), Frame(Opcode.TEXT, b"b")], [1], [True], [])  # cut within a frame's head
@example([Frame(Opcode.TEXT, b"a", False), Frame(Opcode.CONT, b"b"), Frame(Opcode.TEXT, b"c")], [], [True], ["d"])
def test_the_short_way_changes_nothing(
    frames: list[Frame], cuts: list[int], rests: list[bool], answers: list[str]
) -> None:
    """The same messages arrive in the same order, pings are answered, and the client reads what is written at once."""
    pieces = _pieces(frames, cuts, rests)

    got, taken, heard, written = asyncio.run(_talk(pieces, short=True, answers=answers))

    assert (got, heard) == asyncio.run(_talk(pieces, short=False, answers=answers))[::2]
    assert written == answers
    assert [bytes(data).decode() for data in heard[len(heard) - len(answers) :]] == answers
    if not cuts and all(rests):
        alone = [frame for frame in frames if frame.opcode is Opcode.TEXT and frame.fin and len(frame.data) < 65_536]
        assert taken == len(alone)


def test_a_closing_socket_takes_nothing() -> None:
    """After a close frame nothing is taken, and nothing can be written."""
    frames = [Frame(Opcode.TEXT, b"a"), Frame(Opcode.CLOSE, b"\x03\xe8"), Frame(Opcode.TEXT, b"b")]

    got, taken, _, written = asyncio.run(
        _talk([(frame.serialize(mask=True), True) for frame in frames], short=True, answers=["late"])
    )

    assert (got, taken, written) == (["a"], 1, [])


def test_a_message_in_the_middle_of_another_is_an_error() -> None:
    """A whole message between the parts of another one is not taken; the socket is closed, as the libraries do."""
    frames = [Frame(Opcode.TEXT, b"first", False), Frame(Opcode.TEXT, b"no part of it"), Frame(Opcode.CONT, b"second")]
    pieces = [(frame.serialize(mask=True), True) for frame in frames]

    got, taken, heard, written = asyncio.run(_talk(pieces, short=True, answers=["late"]))

    assert (got, taken, written) == ([], 0, [])
    assert [bytes(data)[:2] for data in heard] == [b"\x03\xea"]  # 1002, protocol error
