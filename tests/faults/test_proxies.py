"""Two servers behind a real load balancer: Socket.IO that begins with polling, and restarts that nobody notices."""

import asyncio
import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from faults.rolling import CLIENT, node, roll
from faults.servers import Fleet, fleet, until
from support.proxies import proxy

PROXIES = pytest.mark.parametrize("program", ["nginx", "haproxy"])

PAGES = """
const { io } = require(process.argv[1]);
const [, , url, count] = process.argv;
const results = [];
for (let number = 0; number < Number(count); number++) {
  // Outside of browsers the client keeps cookies only with this option.
  const socket = io(url, { forceNew: true, withCredentials: true, reconnection: false });
  const seen = [];
  const end = (result) => {
    results.push(result);
    socket.disconnect();
    if (results.length === Number(count)) { console.log(JSON.stringify(results)); process.exit(0); }
  };
  socket.io.on("open", () => seen.push(socket.io.engine.transport.name));
  socket.on("connect", () => socket.emit("session_request", { session_id: `page${number}` }));
  socket.on("session_confirm", () => {
    socket.emit("user_uttered", { session_id: `page${number}`, message: "hello" });
  });
  socket.on("bot_uttered", (reply) => {
    const upgraded = () => end([seen[0], socket.io.engine.transport.name, reply.text]);
    if (socket.io.engine.transport.name === "websocket") upgraded();
    else { socket.io.engine.once("upgrade", upgraded); setTimeout(upgraded, 5000); }
  });
  socket.on("connect_error", (error) => end(["error", String(error)]));
}
setTimeout(() => { console.log(JSON.stringify(results)); process.exit(1); }, 25000);
"""


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Fleet]:
    """A project on SQLite."""
    with fleet(tmp_path / "project") as found:
        yield found


@PROXIES
async def test_pages_that_begin_with_polling_connect(servers: Fleet, tmp_path: Path, program: str) -> None:
    """The default socket.io-client connects, talks and upgrades behind a load balancer with two servers, each time."""
    program_of_pages = node()
    ports = [servers.start("--lame-duck", "0").port for _ in range(2)]
    with proxy(program, tmp_path / program, ports) as url:
        if program == "haproxy":
            await until(lambda: httpx.get(f"{url}/health/ready").status_code == 200)
        command = [program_of_pages, "-e", PAGES, str(CLIENT), url, "16"]
        answer = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False, text=True)

    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert json.loads(answer.stdout) == [["polling", "websocket", "Hello."]] * 16


async def test_cookie_of_the_first_answer(servers: Fleet) -> None:
    """It comes through a proxy only, has the proxy's value, and is not set again."""
    server = servers.start("--lame-duck", "0")
    path = "/socket.io/?EIO=4&transport=polling"
    async with httpx.AsyncClient(base_url=server.url) as http:

        async def cookie(**headers: str) -> str | None:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            http.cookies.clear()
            found: str | None = (await http.get(path, headers=names)).headers.get("set-cookie")
            return found

        assert await cookie() is None
        by_itself = await cookie(X_Forwarded_For="10.0.0.7")
        assert by_itself is not None
        assert by_itself.startswith("manent_route=")
        assert by_itself.endswith("; Path=/socket.io/; HttpOnly; SameSite=Lax")
        assert await cookie(X_Forwarded_For="10.0.0.7") != by_itself
        assert await cookie(X_Forwarded_For="10.0.0.7", Cookie="a=b; manent_route=abc") is None
        by_proxy = await cookie(X_Manent_Route="0123abcd", X_Forwarded_Proto="https", X_Forwarded_For="10.0.0.7")
        assert by_proxy == "manent_route=0123abcd; Path=/socket.io/; HttpOnly; SameSite=None; Secure"
        forged = await cookie(X_Manent_Route="a; Domain=example.com")
        assert forged is not None
        assert "example" not in forged


@PROXIES
async def test_rolling_restart_is_unnoticed(servers: Fleet, tmp_path: Path, program: str) -> None:
    """Both servers are restarted: no request fails, no message is lost, no reply comes twice."""
    options = ("--lame-duck", "1")
    found = [servers.start(*options) for _ in range(2)]
    with proxy(program, tmp_path / program, [server.port for server in found]) as url:
        if program == "haproxy":
            await until(lambda: httpx.get(f"{url}/health/ready").status_code == 200)
        clients = await roll(servers, found, url, *options, rounds=1, clients=4, settle_s=1)

    assert clients.errors == []
    assert clients.answered > 50


async def test_lame_duck_says_so_and_serves(servers: Fleet) -> None:
    """After SIGTERM the server is not ready, but answers, and closes each connection after its answer."""
    server = servers.start("--lame-duck", "3")
    async with httpx.AsyncClient(base_url=server.url) as http:
        ready = await http.get("/health/ready")
        assert (ready.status_code, ready.headers.get("connection")) == (200, None)
        server.send(signal.SIGTERM)
        async with httpx.AsyncClient(base_url=server.url) as other:
            await until(lambda: "stopping soon" in server.log.read_text())
            ready = await other.get("/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (503, "closing")
        answer = await http.post("/webhooks/rest/webhook", json={"sender": "ada", "message": "hello"})
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")
        assert answer.json() == [{"recipient_id": "ada", "text": "Hello."}]
    assert server.process.wait(20) == 0
