"""How the web chat's files are served: compressed, cached by their names, and only those of the bundle."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from manent.channels.socketio.options import SocketIoOptions
from manent.extensions.options import convert
from manent.server import page

CODE = "export const chat = 1;\n" * 50


@pytest.fixture
def static(tmp_path: Path) -> Path:
    """A small bundle."""
    folder = tmp_path / "static"
    (folder / "webchat/assets").mkdir(parents=True)
    (folder / "desk").mkdir()
    (folder / "desk/desk.html").write_text("<!doctype html><title>Desk</title>")
    (folder / "index.html").write_text("<!doctype html><title>Chat</title>")
    for name in ("webchat/manent-chat.js", "webchat/assets/chat-abc.js", "webchat/studio.js", "desk/desk.js"):
        (folder / name).write_text(CODE)
        (folder / f"{name}.gz").write_bytes(gzip.compress(CODE.encode()))
        (folder / f"{name}.br").write_bytes(b"brotli")
    (tmp_path / "secret.txt").write_text("secret")
    return folder


@pytest.fixture
def client(static: Path) -> Iterator[TestClient]:
    """A browser without the studio's page."""
    with TestClient(Starlette(routes=page.routes(SocketIoOptions(), static))) as found:
        yield found


def test_names_decide_how_long_a_browser_keeps_a_file(client: TestClient) -> None:
    """A file whose name contains a hash never changes; the others are checked each time."""
    hashed = client.get("/webchat/assets/chat-abc.js")
    entry = client.get("/webchat/manent-chat.js")
    page_ = client.get("/", headers={"Accept": "text/html"})

    assert hashed.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert (entry.headers["cache-control"], page_.headers["cache-control"]) == ("no-cache", "no-cache")
    again = client.get("/webchat/manent-chat.js", headers={"If-None-Match": f"W/{entry.headers['etag']}"})
    assert (again.status_code, again.content) == (304, b"")
    assert hashed.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [("gzip, deflate, br", "br"), ("gzip", "gzip"), ("br;q=0, gzip;q=0.5", "gzip"), ("identity", None)],
)
def test_files_are_compressed(client: TestClient, accepted: str, encoding: str | None) -> None:
    """A browser gets the best form that it accepts, under the type of the file itself."""
    with client.stream("GET", "/webchat/manent-chat.js", headers={"Accept-Encoding": accepted}) as answer:
        sent = b"".join(answer.iter_raw())

    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["vary"] == "Accept-Encoding"
    content = gzip.decompress(sent) if encoding == "gzip" else sent  # the compressed form contains a time
    assert content == {"br": b"brotli", "gzip": CODE.encode(), None: CODE.encode()}[encoding]


@pytest.mark.parametrize(
    "path",
    [
        "/webchat/assets/chat-old.js",
        "/webchat/manent-chat.js.gz",
        "/index.html",
        "/webchat/studio.js",
        "/./webchat/studio.js",
        "//webchat/studio.js",
        "/desk",
        "/desk/desk.js",
        "/./desk/desk.js",
        "/desk/desk.html",
        "/webchat/../../secret.txt",
        "/webchat/%2e%2e/%2e%2e/secret.txt",
        "/webchat",
        "/webchat/assets/%00",
    ],
)
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    """Other paths are not found: files of no release, compressed forms, pages, the studio, the desk, files outside."""
    assert client.get(path).status_code == 404


def test_the_desk_is_a_page_that_no_other_page_embeds(static: Path) -> None:
    """If the desk is on, its page and its script are served. The policy allows no inline script and no frame."""
    with TestClient(Starlette(routes=page.routes(SocketIoOptions(), static, desk=True))) as client:
        answer = client.get("/desk")
        policy = answer.headers["content-security-policy"]

        assert "<title>Desk</title>" in answer.text
        assert "frame-ancestors 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert client.get("/desk/desk.js").status_code == 200
        assert client.get("/desk/desk.html").status_code == 404


def test_a_new_build_is_served_without_a_restart(client: TestClient, static: Path) -> None:
    """A file that is added while the server runs is found."""
    (static / "webchat/assets/chat-new.js").write_text(CODE)

    assert client.get("/webchat/assets/chat-new.js").text == CODE


def test_a_site_is_branded_in_the_loader(static: Path) -> None:
    """With `web_chat`, a function after the code of the loader returns the attributes, and the tag differs."""
    options, _ = convert(SocketIoOptions, {"web_chat": {"title": "</script>Bäckerei", "language": "de"}})
    assert options is not None
    with TestClient(Starlette(routes=page.routes(options, static))) as client:
        loader = client.get("/webchat/manent-chat.js", headers={"Accept-Encoding": "gzip"})
        plain = client.get("/webchat/manent-chat.js", headers={"Accept-Encoding": "identity"})
        again = client.get("/webchat/manent-chat.js", headers={"If-None-Match": loader.headers["etag"]})
        settings = client.get("/webchat/config.json").json()
        other = client.get("/webchat/assets/chat-abc.js")

    assert loader.text.startswith(CODE)
    last = loader.text.removeprefix(CODE).strip()
    assert last == 'function MANENT_SITE(){return{"heading":"</script>Bäckerei","lang":"de"}}'
    assert loader.headers["content-encoding"] == "gzip"
    assert (plain.text, "content-encoding" in plain.headers) == (loader.text, False)
    assert (again.status_code, loader.headers["cache-control"]) == (304, "no-cache")
    assert loader.headers["access-control-allow-origin"] == "*"
    assert (settings["title"], settings["language"]) == ("</script>Bäckerei", "de")
    assert other.text == CODE


def test_a_branded_loader_is_compressed_with_brotli(static: Path) -> None:
    """If the build contains the loader as a stream without an end, the settings are appended to it."""
    (static / "webchat/manent-chat.js.open.br").write_bytes(b"stream")
    options, _ = convert(SocketIoOptions, {"web_chat": {"title": "Bakery"}})
    assert options is not None
    with (
        TestClient(Starlette(routes=page.routes(options, static))) as client,
        client.stream("GET", "/webchat/manent-chat.js", headers={"Accept-Encoding": "gzip, br"}) as answer,
    ):
        sent = b"".join(answer.iter_raw())

    assert answer.headers["content-encoding"] == "br"
    assert sent.startswith(b"stream")
    assert b'function MANENT_SITE(){return{"heading":"Bakery"}}' in sent
    assert client.get("/webchat/manent-chat.js.open.br").status_code == 404
