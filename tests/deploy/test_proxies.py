"""The proxy configurations of `deploy/`, each started in front of two servers."""

import asyncio
import json
import os
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from faults.rolling import CLIENT, node, roll
from faults.servers import Fleet, fleet, until
from support.certificates import self_signed
from support.deployed_proxies import DeployedProxy, deployed_proxy

PAGES = """
const { io } = require(process.argv[1]);
const [, , url, path, count, transports] = process.argv;
const results = [];
for (let number = 0; number < Number(count); number++) {
  const socket = io(url, {
    path, forceNew: true, withCredentials: true, reconnection: false, upgrade: false, transports: transports.split(","),
  });
  const end = (result) => {
    results.push(result);
    socket.disconnect();
    if (results.length === Number(count)) { console.log(JSON.stringify(results)); process.exit(0); }
  };
  socket.on("connect", () => socket.emit("session_request", { session_id: `${path}${transports}${number}` }));
  socket.on("session_confirm", (id) => socket.emit("user_uttered", { session_id: id, message: "hello" }));
  socket.on("bot_uttered", (reply) => end([socket.io.engine.transport.name, reply.text]));
  socket.on("connect_error", (error) => end(["error", String(error)]));
}
setTimeout(() => { console.log(JSON.stringify(results)); process.exit(1); }, 25000);
"""

INTERNAL = ("/metrics", "/status", "/domain", "/model", "/model/train", "/conversations/ada/tracker", "/admin/revoke")

pytestmark = pytest.mark.slow


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Fleet]:
    """A project on SQLite."""
    with fleet(tmp_path / "project") as found:
        yield found


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A certificate for localhost, which the clients of the test trust, and its key."""
    files = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    monkeypatch.setenv("NODE_EXTRA_CA_CERTS", str(files[0]))
    return files


async def is_up(proxy: DeployedProxy) -> None:
    """Wait until the proxy has found a server that is ready."""
    await until(lambda: get(proxy.url + "/health/ready").status_code == 200)


def get(url: str, method: str = "GET") -> httpx.Response:
    """Request a page with a client that trusts the test's certificate."""
    return httpx.request(method, url, verify=ssl.create_default_context(), headers={"Accept": "text/html"})


def talk(url: str, path: str, transport: str, count: int = 8) -> list[list[str]]:
    """Let pages talk with socket.io-client; return transport and reply of each."""
    command = [node(), "-e", PAGES, str(CLIENT), url, path, str(count), transport]
    answer = subprocess.run(command, capture_output=True, check=False, text=True, env=os.environ)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    found: list[list[str]] = json.loads(answer.stdout)
    return found


@pytest.mark.parametrize("program", ["nginx", "haproxy", "caddy", "apache2"])
async def test_deployed_proxy(servers: Fleet, certificate: tuple[Path, Path], tmp_path: Path, program: str) -> None:
    """It serves the page, WebSocket and polling over TLS, at the root and below a path, and hides what is internal."""
    ports = [servers.start("--lame-duck", "0", "--enable-api").port for _ in range(2)]
    with deployed_proxy(program, tmp_path / program, ports, certificate) as proxy:
        await is_up(proxy)
        pages = {path: get(proxy.url + path).status_code for path in ("/", "/chat/", "/chat/webchat/manent-chat.js")}
        hidden = {
            path: get(proxy.url + path).status_code
            for name in INTERNAL
            for path in (name, "/chat" + name, name.replace("/m", "/%6d"))
        }
        redirect = get(proxy.plain + "/")
        talks = {
            (path, transport): await asyncio.to_thread(talk, proxy.url, path, transport)
            for path in ("/socket.io/", "/chat/socket.io/")
            for transport in ("websocket", "polling")
        }

    assert pages == dict.fromkeys(pages, 200)
    assert hidden == dict.fromkeys(hidden, 403)
    assert redirect.status_code in {301, 308}
    assert redirect.headers["location"].startswith("https://localhost")
    assert talks == {(path, transport): [[transport, "Hello."]] * 8 for path, transport in talks}


@pytest.mark.parametrize("program", ["nginx", "haproxy", "caddy", "apache2"])
async def test_rolling_restart_behind_a_deployed_proxy(
    servers: Fleet, certificate: tuple[Path, Path], tmp_path: Path, program: str
) -> None:
    """Both servers are restarted under clients that do not retry: no error, no lost message, no second reply."""
    options = ("--lame-duck", "2")
    found = [servers.start(*options) for _ in range(2)]
    ports = [server.port for server in found]
    with deployed_proxy(program, tmp_path / program, ports, certificate) as proxy:
        await is_up(proxy)
        clients = await roll(servers, found, proxy.url, *options, rounds=1, clients=4, settle_s=2)

    assert clients.errors == []
    assert clients.answered > 50
