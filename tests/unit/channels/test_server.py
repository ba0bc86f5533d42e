"""Which sockets are let in, and what becomes of packets that cannot be read."""

import asyncio
from pathlib import Path

import aiohttp
import jwt
import pytest
import socketio

from support.small_talk import running, until
from unit.channels.sockets import PERSISTENT, page


@pytest.mark.parametrize("namespace", ["/", "/chat"])
@pytest.mark.parametrize("unreadable", [r'"half \ud83d!"', "NaN", "["])
async def test_what_cannot_be_read_is_acknowledged(tmp_path: Path, namespace: str, unreadable: str) -> None:
    """Half of a surrogate pair, NaN, half a packet: whoever waits for an answer learns that it could not be read."""
    credentials = PERSISTENT + f"  namespace: {namespace}\n"
    where = "" if namespace == "/" else f"{namespace},"
    got: list[str] = []
    async with (
        running(tmp_path, credentials=credentials) as server,
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{server.url}/socket.io/?EIO=4&transport=websocket") as socket,
    ):
        await socket.send_str(f"40{where}")
        await socket.send_str(f'42{where}17["user_uttered",{{"session_id":"ada","message":{unreadable}}}]')
        async with asyncio.timeout(10):
            while not got or not got[-1].startswith(f'42{where}["error"'):
                got.append(await socket.receive_str())

    assert got[-2].startswith(f'43{where}17[{{"ok":false,"error":{{"code":"bad_request"')


async def test_rasas_jwt_key_guards_the_connection(tmp_path: Path) -> None:
    """With `jwt_key` a connection without a good token is refused, with one, and `Bearer ` before it, it is not."""
    key = "k" * 32
    async with running(tmp_path, credentials=f"{PERSISTENT}  jwt_key: {key}\n") as server:
        for auth in (None, {}, {"token": "x"}, {"token": jwt.encode({}, "y" * 32, "HS256")}):
            with pytest.raises(socketio.exceptions.ConnectionError):
                async with page(server.url, auth=auth):
                    pass
        token = jwt.encode({"sub": "ada"}, key, "HS256")
        async with page(server.url, auth={"token": f"Bearer {token}"}) as ada:
            await ada.say("hello")
            await until(lambda: bool(ada.got()))


async def test_pages_of_other_origins_need_cors(tmp_path: Path) -> None:
    """A page of another origin connects only when --cors names it."""
    headers = {"Origin": "https://shop.example"}
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    async with (
        running(tmp_path / "a", credentials=PERSISTENT) as closed,
        running(tmp_path / "b", credentials=PERSISTENT, cors=("https://shop.example",)) as opened,
    ):
        with pytest.raises(socketio.exceptions.ConnectionError):
            async with page(closed.url, headers=headers):
                pass
        async with page(opened.url, headers=headers) as ada:
            assert ada.got("session_confirm") == ["ada"]
