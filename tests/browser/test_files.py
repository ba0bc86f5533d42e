"""Files that visitors send in the web chat, also if the server or the page is killed."""

import base64
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from browser.axe import violations
from browser.chat import Chat
from browser.servers import ChatServer
from browser.wire import Wire

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAIAAAACUFjqAAAAEklEQVR4nGP4z8CAB+GTG8HSALfKY52fTcuYAAAAAElFTkSuQmCC"
)
CAT = {"name": "cat.png", "mimeType": "image/png", "buffer": PNG}
NOTES = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"Remember the milk."}

DROP = """(panel, [name, text, kind]) => {
  const data = new DataTransfer();
  data.items.add(new File([text], name, { type: "text/plain" }));
  const field = panel.querySelector("textarea");
  if (kind === "paste")
    field.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  else
    for (const type of ["dragenter", "dragover", "drop"])
      field.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


@pytest.fixture(scope="module")
def running_accepting(trained_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    """A server that accepts files of up to 1 MB."""
    project = tmp_path_factory.mktemp("files") / "project"
    shutil.copytree(trained_project, project)
    with (project / "credentials.yml").open("a") as file:
        file.write("files:\n  max_size_mb: 1\n  max_per_message: 3\n")
    running = ChatServer(project=project)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def accepting(running_accepting: ChatServer) -> ChatServer:
    """The server that accepts files, restarted if a test has killed it."""
    if not running_accepting.is_running:
        running_accepting.start()
    return running_accepting


def choose(page: Page, *files: Any) -> None:
    """Choose files with the button, as a visitor does."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Attach files").click()
    chooser.value.set_files(list(files))


def attached(page: Page, name: str) -> None:
    """Wait until a file is uploaded."""
    expect(page.get_by_role("listitem").filter(has_text=name).get_by_role("progressbar")).to_have_count(0)
    expect(page.get_by_role("button", name=f"Remove {name}")).to_be_visible()


def stored(server: ChatServer) -> list[str]:
    """Return the names of all files in the server's folder."""
    return sorted(path.name for path in (server.project / "files").rglob("*") if path.is_file())


def test_files_are_sent_and_shown(page: Page, accepting: ChatServer) -> None:
    """An image and a text file are sent without a text, and shown, also after a reload."""
    wire = Wire()
    wire.listen(page)
    chat = Chat(page).open(accepting.url)
    send = page.get_by_role("button", name="Send")
    expect(send).to_be_disabled()
    choose(page, CAT, NOTES)
    attached(page, "cat.png")
    attached(page, "notes.txt")
    assert violations(page) == []
    send.click()

    picture = chat.log.get_by_role("link", name="cat.png")
    expect(picture.locator("img")).to_have_js_property("naturalWidth", 10)
    with page.expect_download() as download:
        chat.log.get_by_role("link", name="notes.txt").click()
    assert Path(download.value.path()).read_bytes() == NOTES["buffer"]
    assert violations(page) == []
    chat.reload()
    expect(picture.locator("img")).to_have_js_property("naturalWidth", 10)
    assert chat.errors == []
    assert wire.mistakes() == []
    assert {"Attachment.url", "FilesOffer.types", "UserUttered.attachments"}.isdisjoint(wire.unseen())


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_files_are_dropped_and_pasted(page: Page, accepting: ChatServer, kind: str) -> None:
    """Files can be dropped on the chat, and pasted into the text field. A text is sent with them."""
    chat = Chat(page).open(accepting.url)
    chat.panel.evaluate(DROP, ["list.txt", "one, two", kind])
    attached(page, "list.txt")
    chat.say("my list")

    message = chat.log.locator("[part~=user]").filter(has_text="my list")
    expect(message.get_by_role("link", name="list.txt")).to_be_visible()


def test_files_that_cannot_be_sent(page: Page, accepting: ChatServer) -> None:
    """A file that is too large, has a wrong type or exceeds the number shows the reason, and other files are sent."""
    chat = Chat(page).open(accepting.url)
    choose(
        page,
        {"name": "big.txt", "mimeType": "text/plain", "buffer": b"a" * 1_000_001},
        {"name": "page.txt", "mimeType": "text/plain", "buffer": b"<script>alert(1)</script>"},
        NOTES,
    )
    expect(page.get_by_text("Too large: the limit is 1 MB.", exact=True)).to_be_visible()
    expect(page.get_by_text("This type of file cannot be sent.", exact=True)).to_be_visible()
    attached(page, "notes.txt")
    choose(page, CAT, {**CAT, "name": "dog.png"}, {**CAT, "name": "owl.png"})
    expect(page.get_by_text("Too many files.", exact=True)).to_be_visible()
    assert violations(page) == []
    for name in ("big.txt", "page.txt", "owl.png"):
        page.get_by_role("button", name=f"Remove {name}").click()
    attached(page, "dog.png")
    chat.say("these")

    expect(chat.log.get_by_role("link")).to_have_count(3)


def test_an_upload_is_cancelled_and_retried(page: Page, accepting: ChatServer) -> None:
    """While a file is uploaded, nothing is sent. An upload can be cancelled, and retried after the server was away."""
    chat = Chat(page).open(accepting.url)
    choose(page, CAT)
    attached(page, "cat.png")
    accepting.kill()
    choose(page, NOTES)
    send = page.get_by_role("button", name="Send")
    expect(page.get_by_role("progressbar", name="Uploading notes.txt")).to_be_visible()
    expect(send).to_be_disabled()
    page.get_by_role("button", name="Cancel the upload of notes.txt").click()
    expect(send).to_be_enabled()
    choose(page, NOTES)
    expect(page.get_by_text("The file could not be uploaded.", exact=True)).to_be_visible()
    accepting.start()
    chat.connected()
    page.get_by_role("button", name="Try again: notes.txt").click()
    attached(page, "notes.txt")
    send.click()

    expect(chat.log.get_by_role("link")).to_have_count(2)


@pytest.mark.slow
def test_each_file_once_when_the_page_is_killed(
    accepting: ChatServer, open_context: Callable[..., BrowserContext]
) -> None:
    """If a page ends during an upload or a message, each file is in one message or in none."""
    context = open_context()
    for number in range(10):
        page = context.new_page()
        Chat(page).open(accepting.url)
        choose(page, {**NOTES, "name": f"{number}.txt", "buffer": str(number).encode() * 50_000})
        if number % 3:
            attached(page, f"{number}.txt")
            page.get_by_role("button", name="Send").click()
        time.sleep(0.004 * number)
        page.close()
    page = context.new_page()
    chat = Chat(page).open(accepting.url)
    expect(chat.log.locator(".sending")).to_have_count(0)
    names = [link.get_attribute("download") for link in chat.log.get_by_role("link").all()]

    assert names == [f"{number}.txt" for number in range(10) if number % 3]


def test_a_message_whose_file_is_gone(page: Page, accepting: ChatServer) -> None:
    """The visitor sees why the message was not sent, and can edit or remove it, but not send it again."""
    gone = {"ok": True, "file_id": "gone", "name": "notes.txt", "mime": "text/plain", "size": 18}
    page.route("**/sessions/files", lambda route: route.fulfill(json=gone))
    chat = Chat(page).open(accepting.url)
    choose(page, NOTES)
    attached(page, "notes.txt")
    chat.say("my notes")
    expect(chat.log.get_by_text("A file is no longer available.")).to_be_visible()
    expect(chat.log.get_by_role("button", name="Try again")).to_have_count(0)
    expect(chat.log.get_by_role("button", name="Remove")).to_be_visible()
    assert violations(page) == []

    chat.click("Edit")
    expect(chat.box).to_have_value("my notes")
    chat.said("my notes", times=0)


def test_erasing_removes_the_bytes(page: Page, accepting: ChatServer) -> None:
    """After the visitor erases the conversation, the server no longer has the file."""
    chat = Chat(page).open(accepting.url)
    before = stored(accepting)
    choose(page, NOTES)
    attached(page, "notes.txt")
    chat.say("take this")
    expect(chat.log.get_by_role("link")).to_have_count(1)
    assert len(stored(accepting)) == len(before) + 1
    chat.menu("Erase conversation")
    page.get_by_role("button", name="Erase", exact=True).click()
    expect(chat.log.get_by_role("link")).to_have_count(0)
    deadline = time.monotonic() + 30
    while stored(accepting) != before and time.monotonic() < deadline:
        time.sleep(0.05)

    assert stored(accepting) == before


def test_files_are_off(page: Page, server: ChatServer) -> None:
    """If the server accepts no files, the chat has no button for them."""
    Chat(page).open(server.url)
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    expect(page.get_by_role("button", name="Attach files")).to_have_count(0)
