"""The npm packages: the installed examples in Chromium, and the client in Node."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from browser.chat import Chat
from browser.servers import ChatServer
from browser.sites import Site

ROOT = Path(__file__).parents[2]
WEB = ROOT / "web"
EXAMPLES = ROOT / "examples/web_chat"

pytestmark = pytest.mark.slow  # npm installs React, Vue and Vite


def run(*command: str, cwd: Path, **environment: str) -> str:
    """Run a program; return its output."""
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The two packed packages."""
    run("npm", "run", "--silent", "build:client", cwd=WEB)
    run("npm", "run", "--silent", "build:chat", cwd=WEB)
    folder = tmp_path_factory.mktemp("packages")
    for source in (WEB, WEB / "client"):
        run("npm", "pack", "--silent", "--ignore-scripts", f"--pack-destination={folder}", cwd=source)
    return {name: next(folder.glob(f"manent-{name}-*.tgz")) for name in ("chat", "client")}


@pytest.fixture(scope="module")
def examples(
    packages: dict[str, Path], running_server: ChatServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The examples, built with the packed chat, and served."""
    folder = tmp_path_factory.mktemp("examples") / "web_chat"
    shutil.copytree(EXAMPLES, folder, ignore=shutil.ignore_patterns("node_modules", "dist"))
    manifest = folder / "package.json"
    manifest.write_text(manifest.read_text().replace("file:../../web", f"file:{packages['chat']}"))
    run("npm", "install", "--silent", "--no-audit", "--no-fund", cwd=folder)
    run("npm", "run", "--silent", "build", cwd=folder, VITE_BOT=running_server.url)
    dist = folder / "dist"
    pages: dict[str, str | bytes] = {f"/{path.relative_to(dist)}": path.read_bytes() for path in dist.rglob("*.*")}
    pages["/plain.html"] = (folder / "plain.html").read_text().replace("http://localhost:5005/", running_server.url)
    with Site(pages) as site:
        yield site.url


@pytest.mark.parametrize("page", ["plain", "react", "vue"])
def test_the_examples_talk(open_context: Callable[..., BrowserContext], examples: str, page: str) -> None:
    """Each example opens the chat with its button, exchanges messages, and receives the chat's events."""
    chat = Chat(open_context().new_page())
    chat.page.goto(f"{examples}{page}.html")
    chat.page.get_by_role("button", name="Talk to us").click()
    chat.connected().say("many thanks").heard("With pleasure.")

    expect(chat.page.locator("output")).to_have_text("With pleasure.")
    assert chat.errors == []


def test_the_client_talks_in_node(packages: dict[str, Path], running_server: ChatServer, tmp_path: Path) -> None:
    """The README's program runs without a browser, and the client's types are found by Node's resolution."""
    code = re.findall(r"```ts\n(.*?)```", (WEB / "client/README.md").read_text(), re.DOTALL)
    program = code[0].replace("http://localhost:5005", running_server.url)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "program.mjs").write_text(program + "setTimeout(() => client.stop(), 3000);\n")
    (tmp_path / "first.ts").write_text(code[0])
    (tmp_path / "second.ts").write_text(code[1])
    run("npm", "install", "--silent", "--no-audit", "--no-fund", str(packages["client"]), cwd=tmp_path)

    said = run("node", "program.mjs", cwd=tmp_path)
    assert "Good day! What can I do for you?" in said
    options = (
        "--noEmit",
        "--strict",
        "--module",
        "nodenext",
        "--target",
        "es2023",
        "--lib",
        "es2023,dom",
    )
    run(str(WEB / "node_modules/.bin/tsc"), *options, "first.ts", "second.ts", cwd=tmp_path)
    run("node", "-e", "require.resolve('@manent/client/protocol.schema.json')", cwd=tmp_path)


def test_the_chat_is_imported_on_a_server_and_typed_in_tsx(packages: dict[str, Path], tmp_path: Path) -> None:
    """Importing the chat outside a browser has no effect. TypeScript knows the attributes and events."""
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "page.tsx").write_text(
        """import "@manent/chat";
export const Chat = () => <manent-chat heading="Ask us" tone="informal" storage-key="sales" layout="fill" />;
// @ts-expect-error: an attribute with another type
export const Wrong = () => <manent-chat tone="polite" />;
"""
    )
    packed = str(packages["chat"])
    run("npm", "install", "--silent", "--no-audit", "--no-fund", packed, "@types/react@19", cwd=tmp_path)

    assert run("node", "-e", "import('@manent/chat').then(() => console.log('imported'))", cwd=tmp_path) == "imported\n"
    options = ("--noEmit", "--strict", "--module", "esnext", "--moduleResolution", "bundler", "--jsx", "react-jsx")
    run(str(WEB / "node_modules/.bin/tsc"), *options, "--skipLibCheck", "page.tsx", cwd=tmp_path)
