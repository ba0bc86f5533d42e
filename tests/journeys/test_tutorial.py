"""The code in docs/tutorial-session-persistence.md, run block by block as a reader would."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from journeys.pages import TIMEOUT_MS, browse, libraries, received, wait_until
from support import newsletter
from support.once import trained
from support.ports import free_port
from support.processes import listens, wait_for

TUTORIAL = Path(__file__).parent.parent.parent / "docs" / "tutorial-session-persistence.md"
FENCE = re.compile(r"^```(\w+) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

KEY = "a key for tests, of thirty-two bytes or more"


@dataclass
class Reader:
    """Somebody who follows the tutorial: a project, a folder with the page, and their ports."""

    project: Path
    page: Path
    blocks: list[tuple[str, str, str]] = field(default_factory=list)
    bot: int = field(default_factory=free_port)
    actions: int = field(default_factory=free_port)
    web: int = field(default_factory=free_port)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def take(self, language: str, name: str = "") -> str:
        """Return the next block, which must be this one, with the reader's ports in it."""
        found_language, found_name, code = self.blocks.pop(0)
        assert (found_language, found_name) == (language, name)
        code = code.replace("http://localhost:5005", f"http://localhost:{self.bot}")
        code = code.replace("http://localhost:8080", f"http://localhost:{self.web}")
        return re.sub(r"https://cdn\.socket\.io/\S+\.js", "socket.io.js", code)

    def save(self, folder: Path, language: str, name: str) -> None:
        """Put the next block into its file."""
        (folder / name).write_text(self.take(language, name))

    def start(self, commands: str) -> None:
        """Run the commands of the first shell block."""
        assert commands.splitlines() == [
            "manent train",
            "manent run actions &",
            f'manent run --cors "http://localhost:{self.web}"',
        ]
        commands = commands.replace("manent run actions", f"manent run actions -p {self.actions}")
        self._shell("bot", commands.replace("manent run --cors", f"manent run -p {self.bot} --cors"), self.project)
        wait_for(lambda: listens(self.bot) and listens(self.actions), "the bot and its actions")

    def serve_page(self, command: str) -> None:
        """Run the command of the second shell block."""
        assert command == "npx http-server -p 8080\n"
        self._shell("web", command.replace("8080", str(self.web)), self.page)
        wait_for(lambda: listens(self.web), "the page's web server")

    def kill(self, what: str) -> None:
        """End a shell and all that it started, hard."""
        process = self.running.pop(what)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _shell(self, what: str, commands: str, folder: Path) -> None:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.running[what] = subprocess.Popen(
            ["bash", "-c", commands],  # noqa: S607
            cwd=folder,
            env=os.environ | {"PATH": path, "CHAT_JWT_KEY": KEY},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


@pytest.fixture
def reader(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A reader with the newsletter assistant."""
    example = trained(newsletter.EXAMPLE, tmp_path_factory)
    page = tmp_path / "page"
    page.mkdir()
    (page / "node_modules").symlink_to(libraries())
    shutil.copy(libraries() / "socket.io-client-newest" / "dist" / "socket.io.js", page)
    following = Reader(tmp_path / "project", page)
    newsletter.copied(example, following.project, actions=f"http://127.0.0.1:{following.actions}/webhook")
    following.blocks = FENCE.findall(TUTORIAL.read_text())
    yield following
    for what in list(following.running):
        following.kill(what)


def say(page: Page, text: str, expected: str) -> None:
    """Type a message, and wait for the bot to say something with `expected` in it."""
    page.fill("#text", text)
    page.click("#form button")
    expect(page, expected)


def expect(page: Page, expected: str) -> None:
    """Wait for the bot to say something with `expected` in it."""
    wait_until(lambda: any(expected in text for text in received(page, ".bot")), page, repr(expected))


def open_page(context: BrowserContext, reader: Reader) -> Page:
    """Open the page in a tab."""
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    page.goto(f"http://localhost:{reader.web}")
    return page


def session(page: Page) -> str:
    """Wait for the session id that the page keeps."""
    wait_until(lambda: bool(page.evaluate("getSessionId()")), page, "a session id")
    kept: str = page.evaluate("getSessionId()")
    return kept


@pytest.mark.slow
def test_the_tutorial_works(reader: Reader) -> None:
    """Every block, in its order; what the text between them promises holds."""
    reader.save(reader.project, "yaml", "credentials.yml")
    commands = reader.take("sh")
    reader.start(commands)
    reader.save(reader.page, "html", "index.html")
    reader.save(reader.page, "js", "session.js")
    reader.save(reader.page, "js", "chat.js")
    reader.serve_page(reader.take("sh"))
    browse(lambda browser: lose_the_conversation(browser, reader, commands))

    reader.kill("bot")
    reader.save(reader.project, "yaml", "credentials.yml")
    reader.save(reader.page, "js", "session.js")
    reader.start(commands)
    browse(lambda browser: steal_the_conversation(browser, reader))

    reader.kill("bot")
    reader.save(reader.project, "yaml", "credentials.yml")
    reader.save(reader.project, "python", "make_token.py")
    reader.save(reader.page, "js", "session.js")
    reader.start(commands)
    token = subprocess.run(
        [sys.executable, "make_token.py"],
        cwd=reader.project,
        env=os.environ | {"CHAT_JWT_KEY": KEY},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    browse(lambda browser: come_with_a_token(browser, reader, token))

    assert reader.blocks == []


def lose_the_conversation(browser: Browser, reader: Reader, commands: str) -> None:
    """Reload, second tab, crash, outage."""
    context = browser.new_context()
    page = open_page(context, reader)
    say(page, "subscribe me", "Which e-mail address")
    page.reload()
    say(page, "ada@example.org", "How often")
    assert page.locator("#replies button").all_inner_texts() == ["Once a week", "Twice a week"]
    other = open_page(context, reader)
    assert session(other) == session(page)
    page.click("#replies button:text-is('Twice a week')")
    for tab in (page, other):
        expect(tab, "frost is coming?")

    other.close()
    reader.kill("bot")
    wait_until(lambda: not page.evaluate("socket.connected"), page, "the loss of the connection")
    page.fill("#text", "no")
    page.click("#form button")
    reader.start(commands)
    expect(page, "May I ask how old you are?")
    page.wait_for_timeout(1000)
    assert len([text for text in received(page, ".bot") if "May I ask how old you are?" in text]) == 1


def steal_the_conversation(browser: Browser, reader: Reader) -> None:
    """With minted ids the page resumes its own conversation, and nobody resumes it by its id alone."""
    mine = browser.new_context()
    page = open_page(mine, reader)
    kept = session(page)
    say(page, "subscribe me", "Which e-mail address")
    page.reload()
    say(page, "ada@example.org", "How often")
    assert session(page) == kept

    theirs = browser.new_context()
    thief = open_page(theirs, reader)
    assert session(thief) != kept
    thief.evaluate("window.refused = []; socket.on('error', (told) => refused.push(told.code))")
    thief.evaluate("id => keepSessionId(id)", kept.split(".")[0])
    thief.fill("#text", "weekly")
    thief.click("#form button")
    wait_until(lambda: thief.evaluate("refused") == ["forbidden"], thief, "the refusal")
    assert received(thief, ".bot") == []


def come_with_a_token(browser: Browser, reader: Reader, token: str) -> None:
    """Without a token there is no connection; with one there is, and on another device the same conversation."""
    page = open_page(browser.new_context(), reader)
    page.evaluate(
        "window.refused = []; socket.on('connect_error', (told) => refused.push(told.message)); socket.connect()"
    )
    wait_until(lambda: bool(page.evaluate("refused.length")), page, "the refusal")
    assert not page.evaluate("socket.connected")

    page.evaluate("token => localStorage.setItem('token', token)", token)
    page.reload()
    mine = session(page)
    say(page, "subscribe me", "Which e-mail address")

    telephone = open_page(browser.new_context(), reader)
    telephone.evaluate("token => localStorage.setItem('token', token)", token)
    telephone.reload()
    assert session(telephone) == mine
    say(telephone, "ada@example.org", "How often")
