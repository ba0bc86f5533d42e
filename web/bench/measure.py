# ruff: noqa: INP001, T201  # a script beside the TypeScript; it prints its table
"""Measure the web chat in Chromium: bytes, time to a usable chat, and scrolling through 5,000 messages.

    python web/bench/measure.py [--rasa-webchat lib/index.js] [--deep-chat dist/deepChat.bundle.js]

The other two are files of their npm packages (`npm pack rasa-webchat`, `npm pack deep-chat`), given 5,000 messages as
stored history; ours has a real conversation of as many with a real server. Each round visits each chat once. Every
figure is the median of `ROUNDS` rounds, printed as a table. A "task" is what blocks the page: Chromium reports those
above 50 ms. On a machine that does other things as well a task also waits for the processor; its processor time is what
the page itself is to blame for.
"""

import argparse
import gzip
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from browser.servers import ChatServer  # noqa: E402
from browser.sites import Site  # noqa: E402
from support.once import train  # noqa: E402

ROUNDS = 3
MESSAGES = 5000
STATIC = ROOT / "src/manent/web/static/webchat"

WATCH = """
window.tasks = [];
new PerformanceObserver(list => tasks.push(...list.getEntries().map(e => e.duration)))
  .observe({ type: 'longtask', buffered: true });
window.deep = root => [...root.querySelectorAll('*')].flatMap(e => [e, ...(e.shadowRoot ? deep(e.shadowRoot) : [])]);
window.frame = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
"""

SCROLL = """async ([selector, message, steps]) => {
  const find = () => deep(document).find(e => e.matches(selector));
  const count = () => deep(document).filter(e => e.matches(message)).length;
  let most = count(), still = 0;
  tasks.length = 0;
  for (let i = 0; i < steps && still < 60; i += 1) {
    const log = find();
    const before = log.scrollTop;
    log.scrollTop = Math.max(0, before - 900);
    await frame();
    still = log.scrollTop === 0 && before === 0 ? still + 1 : 0;
  }
  const longest = Math.max(0, ...tasks); // before counting, which is a long task itself
  return { longest, blocked: tasks.map(Math.round), most: Math.max(most, count()) };
}"""

TALK = """async turns => {
  const chat = document.querySelector('manent-chat');
  for (let turn = 0; turn < turns; turn += 1) {
    const answered = new Promise(done => chat.addEventListener('manent-message', function hear(event) {
      if (event.detail.body?.text !== 'Three.') return;
      chat.removeEventListener('manent-message', hear);
      done();
    }));
    await chat.send('count to three');
    await answered;
  }
}"""


def gz(*paths: Path) -> int:
    """Bytes after gzip."""
    return sum(len(gzip.compress(path.read_bytes(), 9)) for path in paths)


@dataclass(frozen=True)
class Subject:
    """A chat with a history of 5,000 messages.

    Attributes:
        context: a visitor; keeps what the page needs to have a history.
        url: the page.
        log: selector of what scrolls.
        message: selector of one message.
        shown: words of the newest message.
    """

    context: BrowserContext
    url: str
    log: str
    message: str
    shown: str

    def visit(self) -> dict[str, float]:
        """Open the page once, wait for the history, and scroll to its beginning."""
        page = self.context.new_page()
        page.add_init_script(WATCH)
        page.goto(self.url)
        page.get_by_text(self.shown).last.wait_for(state="visible", timeout=120_000)
        loaded = page.evaluate("performance.now()")
        opening = page.evaluate("Math.max(0, ...tasks)")
        with tasks_of(page) as tasks:
            scrolled = page.evaluate(SCROLL, [self.log, self.message, 4000])
        found = page.evaluate("document.querySelector('manent-chat')?.messages.length ?? null")
        if found not in {None, MESSAGES}:
            raise RuntimeError(f"scrolled through {found} of {MESSAGES} messages only")
        page.close()
        return {
            "until the history shows, ms": loaded,
            "longest task while opening, ms": opening,
            "longest task while scrolling, ms": scrolled["longest"],
            "  of it on the processor, ms": max(tasks),
            "message nodes at most": scrolled["most"],
        }


@contextmanager
def tasks_of(page: Page) -> Iterator[list[float]]:
    """Trace the page's thread; afterwards the list holds the processor time of each of its tasks, in ms."""
    session = page.context.new_cdp_session(page)
    events: list[Any] = []
    ended: list[Any] = []
    session.on("Tracing.dataCollected", lambda data: events.extend(data["value"]))
    session.on("Tracing.tracingComplete", lambda _: ended.append(True))
    session.send(
        "Tracing.start", {"categories": "disabled-by-default-devtools.timeline", "transferMode": "ReportEvents"}
    )
    found: list[float] = []
    yield found
    session.send("Tracing.end")
    while not ended:
        page.wait_for_timeout(50)
    names = {(event["pid"], event["tid"]): event["args"]["name"] for event in events if event["name"] == "thread_name"}
    counted = [event for event in events if names.get((event["pid"], event["tid"])) == "CrRendererMain"]
    found += [event.get("tdur", 0) / 1000 for event in counted if event["name"] == "RunTask"]


@contextmanager
def ours(browser: Browser, folder: Path) -> Iterator[Subject]:
    """Have a real conversation of 5,000 messages (four a turn)."""
    project = shutil.copytree(ROOT / "tests/browser/project", folder / "project")
    train(project)
    server = ChatServer(project=project)
    server.start()
    try:
        context = browser.new_context()
        page = context.new_page()
        page.goto(server.url)
        page.locator("[data-ready]").wait_for()
        page.evaluate(TALK, MESSAGES // 4)
        page.close()
        yield Subject(context, server.url, "[role=log]", "[part~=message]", "Three.")
    finally:
        server.kill()


@contextmanager
def rasa_webchat(browser: Browser, site: Site, bundle: Path, folder: Path) -> Iterator[Subject]:
    """The widget with 5,000 messages in its storage, and a server that confirms its session."""
    project = shutil.copytree(folder / "project", folder / "open", ignore=shutil.ignore_patterns("*.db*"))
    (project / "credentials.yml").write_text("socketio:\n  session_persistence: true\n")
    server = ChatServer(project=project, arguments=("--cors", "*"))
    site.pages["/rw.js"] = bundle.read_bytes()
    texts = [
        {"sender": "client" if number % 4 == 0 else "response", "text": f"Message {number}", "type": "text"}
        for number in range(MESSAGES)
    ]
    stored = {
        "session_id": "s",
        "conversation": texts,
        "params": {"isChatOpen": True, "initialized": True},
        "version": "1.0.1",
        "lastUpdate": 4_102_444_800_000,
    }
    fill = f"localStorage.chat_session = {json.dumps(json.dumps(stored))}"
    start = f"WebChat.default({{ socketUrl: '{server.url}', embedded: true, params: {{ storage: 'local' }} }}, null)"
    url = site.page("/rw", f"<script>{fill}</script><script src='/rw.js'></script><script>{start}</script>")
    server.start()
    try:
        newest = f"Message {MESSAGES - 1}"
        yield Subject(browser.new_context(), url, ".rw-messages-container", ".rw-message", newest)
    finally:
        server.kill()


@contextmanager
def deep_chat(browser: Browser, site: Site, bundle: Path, _: Path) -> Iterator[Subject]:
    """The element with 5,000 messages as its history."""
    site.pages["/deep.js"] = bundle.read_bytes()
    body = f"""<script type="module">
        await import('/deep.js');
        const chat = document.createElement('deep-chat');
        chat.style = 'width: 900px; height: 700px';
        chat.demo = true;
        const message = (_, i) => ({{ role: i % 4 ? 'ai' : 'user', text: 'Message ' + i }});
        chat.history = Array.from({{ length: {MESSAGES} }}, message);
        document.body.append(chat);
      </script>"""
    url = site.page("/deep", body)
    shown = f"Message {MESSAGES - 1}"
    yield Subject(browser.new_context(), url, "#messages", ".outer-message-container", shown)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rasa-webchat", type=Path)
    parser.add_argument("--deep-chat", type=Path)
    given = parser.parse_args()
    rows: dict[str, dict[str, Any]] = {}
    with sync_playwright() as playwright, Site() as site, tempfile.TemporaryDirectory() as folder:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
        first = gz(STATIC / "manent-chat.js")
        every = first + gz(*STATIC.glob("assets/chat-*.js"))
        others = [("rasa-webchat", rasa_webchat, given.rasa_webchat), ("deep-chat", deep_chat, given.deep_chat)]
        with ExitStack() as running:
            subjects = {"manent": running.enter_context(ours(browser, Path(folder)))}
            sizes = {"manent": (first, every)}
            for name, run, bundle in others:
                if bundle is not None:
                    subjects[name] = running.enter_context(run(browser, site, bundle, Path(folder)))
                    sizes[name] = (gz(bundle), gz(bundle))
            visits: dict[str, list[dict[str, float]]] = {name: [] for name in subjects}
            for number in range(ROUNDS):
                for name, subject in subjects.items():
                    print(f"round {number + 1}: {name}", file=sys.stderr)
                    visits[name].append(subject.visit())
        for name, found in visits.items():
            medians = {figure: round(statistics.median(visit[figure] for visit in found)) for figure in found[0]}
            rows[name] = {"first bytes, gzip": sizes[name][0], "all bytes, gzip": sizes[name][1]} | medians
        browser.close()
    print(f"{'':34}" + "".join(f"{name:>14}" for name in rows))
    for figure in rows["manent"]:
        print(f"{figure:34}" + "".join(f"{row[figure]:>14}" for row in rows.values()))


if __name__ == "__main__":
    main()
