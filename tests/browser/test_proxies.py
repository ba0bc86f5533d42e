"""The chat behind nginx and Apache: below a path, without WebSocket or sticky sessions, or blocked."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from browser.chat import Chat
from browser.servers import ChatServer
from browser.sites import Site
from support.ports import free_port
from support.processes import listens, wait_for

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
APACHE = shutil.which("apache2") or "/usr/sbin/apache2"
pytestmark = pytest.mark.skipif(not Path(NGINX).exists(), reason="nginx is not installed (Debian: apt install nginx)")

UPGRADE = """proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
  proxy_set_header Connection $connection_upgrade; proxy_read_timeout 1h;"""
HEADERS = "proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto $scheme;"


@contextmanager
def nginx(folder: Path, *locations: str, upstream: str) -> Iterator[str]:
    """Run nginx with these locations; yield its address."""
    port = free_port()
    folder.mkdir()
    (folder / "nginx.conf").write_text(
        f"""daemon off; error_log stderr; pid {folder}/pid; worker_processes 1; events {{}}
        http {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
        fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
        map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
        upstream manent {{ {upstream} }}
        server {{ listen 127.0.0.1:{port}; {" ".join(locations)} }} }}"""
    )
    process = subprocess.Popen([NGINX, "-p", str(folder), "-c", "nginx.conf"])
    try:
        wait_for(lambda: listens(port), "nginx")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@contextmanager
def apache(folder: Path, server: ChatServer) -> Iterator[str]:
    """Run Apache with the configuration of `docs/operations/proxies.md`; yield its address."""
    page = (Path(__file__).parents[2] / "docs/operations/proxies.md").read_text()
    documented = page.partition("```apache\n")[2].partition("```")[0]
    assert documented.count("127.0.0.1:5005") == 2
    port = free_port()
    folder.mkdir()
    modules = "".join(
        f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"
        for name in ("mpm_event", "authz_core", "proxy", "proxy_http")
    )
    (folder / "apache.conf").write_text(
        f"ServerRoot {folder}\nDefaultRuntimeDir {folder}\nPidFile {folder}/pid\nErrorLog {folder}/log\n"
        f"ServerName localhost\nUser www-data\nGroup www-data\nListen 127.0.0.1:{port}\n{modules}"
        + documented.replace("127.0.0.1:5005", f"127.0.0.1:{server.port}")
    )
    process = subprocess.Popen([APACHE, "-D", "FOREGROUND", "-f", str(folder / "apache.conf")])
    try:
        wait_for(lambda: listens(port), "apache2")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def one(server: ChatServer) -> str:
    """Return the upstream of one server."""
    return f"server 127.0.0.1:{server.port};"


def embedded(address: str, attributes: str = "open") -> str:
    """Return a page's body with the chat."""
    return (
        f'<script type="module" src="{address}/webchat/manent-chat.js"></script>'
        f'<manent-chat heading="Ask us" {attributes}></manent-chat>'
    )


@pytest.mark.parametrize("headers", [HEADERS + UPGRADE, ""], ids=["as documented", "plain proxy_pass"])
def test_below_a_path(page: Page, server: ChatServer, site: Site, tmp_path: Path, headers: str) -> None:
    """The hosted page, an embedded chat and a chat with `server-url` work below `/chat/`, with and without headers."""
    location = f"location /chat/ {{ proxy_pass http://manent/; {headers} }}"
    with nginx(tmp_path / "nginx", location, upstream=one(server)) as address:
        sockets: list[str] = []
        page.on("websocket", lambda socket: sockets.append(socket.url))
        Chat(page).open(f"{address}/chat/").say("many thanks").heard("With pleasure.")
        if headers:
            assert sockets
            assert all("/chat/socket.io/" in url for url in sockets)
        page.goto(site.page("/", embedded(f"{address}/chat")))
        Chat(page).connected().say("many thanks").heard("With pleasure.")
        elsewhere = f'open server-url="{address}/chat/"'
        page.goto(site.page("/elsewhere", embedded(server.url.rstrip("/"), elsewhere)))
        Chat(page).connected().heard("With pleasure.")


@pytest.mark.skipif(not Path(APACHE).exists(), reason="Apache is not installed (Debian: apt install apache2-bin)")
def test_below_a_path_of_apache(page: Page, server: ChatServer, tmp_path: Path) -> None:
    """The hosted page works below `/chat/` behind Apache as documented, over WebSocket."""
    with apache(tmp_path / "apache", server) as address:
        sockets: list[str] = []
        page.on("websocket", lambda socket: sockets.append(socket.url))
        Chat(page).open(f"{address}/chat/").say("many thanks").heard("With pleasure.")

    assert sockets
    assert all("/chat/socket.io/" in url for url in sockets)


@pytest.fixture
def second(server: ChatServer) -> Iterator[ChatServer]:
    """A second server on the same store."""
    other = ChatServer(project=server.project, arguments=("--cors", "*"))
    other.start()
    yield other
    other.stop()


def test_two_servers_without_websocket_and_without_stickiness(
    open_context: Callable[..., BrowserContext], server: ChatServer, second: ChatServer, tmp_path: Path
) -> None:
    """If requests alternate between two servers, the conversation works and survives a reload."""
    location = f"location / {{ proxy_pass http://manent; {HEADERS} }}"
    upstream = one(server) + one(second)
    with nginx(tmp_path / "nginx", location, upstream=upstream) as address:
        context = open_context()
        chat = Chat(context.new_page()).open(address + "/").say("hello").heard("What can I do for you?")
        chat.click("Book a table").heard("For how many people?")
        chat.reload().heard("For how many people?").click("Two").heard("And your name, please?")
        other = Chat(context.new_page()).open(address + "/").heard("And your name, please?")
        other.say("Ada").heard("A table for 2, Ada.")
        chat.heard("A table for 2, Ada.")


def test_a_page_that_may_not_connect_learns_why(page: Page, trained_project: Path, site: Site, tmp_path: Path) -> None:
    """If the origin is not allowed, the visitor sees an error, and the console names the missing option."""
    project = tmp_path / "project"
    shutil.copytree(trained_project, project)
    closed = ChatServer(project=project)
    closed.start()
    said: list[str] = []
    page.on("console", lambda line: said.append(line.text))
    try:
        page.goto(site.page("/", embedded(closed.url.rstrip("/"))))
        expect(page.get_by_text("The chat cannot reach its server. It keeps trying.")).to_be_visible()
        page.wait_for_timeout(1_000)
    finally:
        closed.stop()

    hint = f"Start it with: manent run --cors {site.url.rstrip('/')}"
    assert [line for line in said if line.startswith("manent-chat:") and hint in line]
    assert f"--cors {site.url.rstrip('/')}" in (project / "server.log").read_text()


def test_a_policy_that_blocks_the_connection_is_named(page: Page, server: ChatServer, site: Site) -> None:
    """If the page's content security policy blocks the chat, the console names the missing directive."""
    said: list[str] = []
    page.on("console", lambda line: said.append(line.text))
    policy = "<meta http-equiv='Content-Security-Policy' content=\"connect-src 'self'\">"
    site.pages["/"] = f"<!doctype html><html lang=en>{policy}<title>A site</title>{embedded(server.url.rstrip('/'))}"
    page.goto(site.url)
    expect(page.get_by_text("The chat cannot reach its server. It keeps trying.")).to_be_visible()
    page.wait_for_timeout(1_000)

    origin = server.url.rstrip("/")
    assert [line for line in said if f"Add this to connect-src: {origin} {origin.replace('http', 'ws')}" in line]
