"""Who may kill the server of `manent run --demo`."""

import os
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from manent.channels.socketio.options import SocketIoOptions
from manent.server import demo, page


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The processes and signals of `os.kill`, which does nothing here."""
    found: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: found.append((pid, number)))
    return found


@pytest.fixture
def client() -> Iterator[TestClient]:
    """A browser on the same computer."""
    app = Starlette(routes=[*demo.routes(), *page.routes(SocketIoOptions(), demo=True)])
    with TestClient(app, base_url="http://localhost:5005", client=("127.0.0.1", 50_000)) as found:
        yield found


def test_the_page_of_the_server_kills_it(client: TestClient, killed: list[tuple[int, int]]) -> None:
    """The settings offer it to a browser on the same computer, and the request ends the process with SIGKILL."""
    assert client.get("/webchat/config.json").json()["demo"] == {"pid": os.getpid(), "kill": True}
    answer = client.post("/demo/kill", headers={"Origin": "http://localhost:5005"})

    assert (answer.status_code, answer.json()) == (202, {"pid": os.getpid()})
    assert killed == [(os.getpid(), 9)]


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        pytest.param("127.0.0.1", {}, id="no page"),
        pytest.param("127.0.0.1", {"Origin": "https://evil.example"}, id="a page of another site"),
        pytest.param("127.0.0.1", {"Origin": "null"}, id="a page in a sandbox"),
        pytest.param("127.0.0.1", {"Origin": "http://localhost:8000"}, id="another server on this computer"),
        pytest.param(
            "127.0.0.1",
            {"Origin": "http://evil.example:5005", "Host": "evil.example:5005"},
            id="a name that is rebound",
        ),
        pytest.param("192.0.2.7", {"Origin": "http://localhost:5005"}, id="another computer"),
    ],
)
def test_nobody_else_can(killed: list[tuple[int, int]], address: str, headers: dict[str, str]) -> None:
    """Requests of other sites, and of other computers, are rejected and kill nothing."""
    app = Starlette(routes=[*demo.routes(), *page.routes(SocketIoOptions(), demo=True)])
    with TestClient(app, base_url="http://localhost:5005", client=(address, 50_000)) as client:
        answer = client.post("/demo/kill", headers=headers)
        shown = client.get("/webchat/config.json", headers=headers).json()["demo"]

    assert (answer.status_code, answer.json()["code"]) == (403, "not_local")
    assert killed == []
    if address != "127.0.0.1" or "Host" in headers:
        assert shown == {"pid": 0, "kill": False}


def test_without_demo_there_is_no_such_route() -> None:
    """A server without `--demo` has neither the route nor the settings."""
    with TestClient(Starlette(routes=page.routes(SocketIoOptions())), client=("127.0.0.1", 50_000)) as client:
        assert client.post("/demo/kill", headers={"Origin": "http://testserver"}).status_code == 404
        assert "demo" not in client.get("/webchat/config.json").json()
