"""Measure the web chat in Chromium: bytes, time to a usable chat, and scrolling through 5,000 messages.

    python web/bench/measure.py [--rasa-webchat lib/index.js] [--deep-chat dist/deepChat.bundle.js]

The other two are files of their npm packages (`npm pack rasa-webchat`, `npm pack deep-chat`), given the same 5,000
messages as stored history. Every figure is the median of `ROUNDS` page loads, printed as a table.
"""

import argparse
import gzip
import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from browser.servers import ChatServer, trained_copy  # noqa: E402
from browser.sites import Site  # noqa: E402

ROUNDS = 3
TURNS = 1250  # each is one message of the visitor and three of the assistant
STATIC = ROOT / "src/manent/web/static/webchat"

WATCH = """
window.tasks = [];
new PerformanceObserver(list => tasks.push(...list.getEntries().map(e => e.duration))).observe({ type: 'longtask', buffered: true });
window.deep = root => [...root.querySelectorAll('*')].flatMap(e => [e, ...(e.shadowRoot ? deep(e.shadowRoot) : [])]);
window.frame = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
"""

SCROLL = """async ([selector, steps]) => {
  const find = () => deep(document).find(e => e.matches(selector));
  tasks.length = 0;
  let most = 0, still = 0;
  for (let i = 0; i < steps && still < 60; i += 1) {
    const log = find();
    const before = log.scrollTop;
    log.scrollTop = Math.max(0, before - 900);
    await frame();
    still = log.scrollTop === 0 && before === 0 ? still + 1 : 0;
    if (i % 10 === 0) most = Math.max(most, deep(document).filter(e => e.matches('[part~=message], .rw-message, .deep-chat-outer-container-role-user, .deep-chat-outer-container-role-ai, .outer-message-container')).length);
  }
  return { longest: Math.max(0, ...tasks), tasks: tasks.length, most };
}"""


def gz(*paths: Path) -> int:
    """Bytes after gzip."""
    return sum(len(gzip.compress(path.read_bytes(), 9)) for path in paths)


def measure(browser: Browser, open_page: Callable[[Page], None], log: str, shown: str) -> dict[str, Any]:
    """Open, wait for the history, scroll to its beginning."""
    loads, longest, most, count = [], [], [], []
    for _ in range(ROUNDS):
        page = browser.new_page(viewport={"width": 1000, "height": 800})
        page.add_init_script(WATCH)
        open_page(page)
        page.get_by_text(shown).last.wait_for(state="visible", timeout=120_000)
        loads.append(page.evaluate("performance.now()"))
        first = page.evaluate("Math.max(0, ...tasks)")
        scrolled = page.evaluate(SCROLL, [log, 4000])
        longest.append(scrolled["longest"])
        most.append(scrolled["most"])
        count.append(first)
        page.close()
    return {
        "until the history shows, ms": round(statistics.median(loads)),
        "longest task while opening, ms": round(statistics.median(count)),
        "longest task while scrolling, ms": round(statistics.median(longest)),
        "message nodes at most": max(most),
    }


def ours(browser: Browser, folder: Path) -> dict[str, Any]:
    """Have a real conversation of 5,000 messages, then measure a visit to it."""
    server = ChatServer(project=trained_copy(ROOT / "tests/browser/project", folder / "project"))
    server.start()
    try:
        context = browser.new_context()
        page = context.new_page()
        page.goto(server.url)
        page.locator("[data-ready]").wait_for()
        page.evaluate(
            """async turns => {
              const chat = document.querySelector('manent-chat');
              for (let turn = 0; turn < turns; turn += 1) {
                const answered = new Promise(done => chat.addEventListener('manent-message', function hear(event) {
                  if (event.detail.body?.text === 'Three.') { chat.removeEventListener('manent-message', hear); done(); }
                }));
                await chat.send('count to three');
                await answered;
              }
            }""",
            TURNS,
        )
        state = context.storage_state()
        context.close()
        visitor = browser.new_context(storage_state=state)
        try:
            return measure(visitor, lambda page: page.goto(server.url) and None, "[role=log]", "Three.")  # type: ignore[arg-type]
        finally:
            visitor.close()
    finally:
        server.kill()


def rasa_webchat(browser: Browser, site: Site, bundle: Path) -> dict[str, Any]:
    """The widget with 5,000 messages in its storage."""
    site.pages["/rw.js"] = bundle.read_bytes()
    texts = [
        {"sender": "client" if i % 4 == 0 else "response", "text": f"Message {i}", "type": "text"} for i in range(5000)
    ]
    stored = {
        "session_id": "s",
        "conversation": texts,
        "params": {"isChatOpen": True, "initialized": True},
        "version": "1.0.1",
    }
    fill = f"localStorage.chat_session = {json.dumps(json.dumps(stored | {'lastUpdate': 4102444800000}))}"
    start = "WebChat.default({ socketUrl: location.origin, embedded: true, params: { storage: 'local' } }, null)"
    url = site.page("/rw", f"<script>{fill}</script><script src='/rw.js'></script><script>{start}</script>")
    return measure(browser, lambda page: page.goto(url) and None, ".rw-messages-container", "Message 4999")  # type: ignore[arg-type]


def deep_chat(browser: Browser, site: Site, bundle: Path) -> dict[str, Any]:
    """The element with 5,000 messages as its history."""
    site.pages["/deep.js"] = bundle.read_bytes()
    body = """<script type="module" src="/deep.js"></script><deep-chat style="width:900px;height:700px" demo="true"></deep-chat>
      <script>document.querySelector('deep-chat').history =
        Array.from({ length: 5000 }, (_, i) => ({ role: i % 4 ? 'ai' : 'user', text: 'Message ' + i }));</script>"""
    url = site.page("/deep", body)
    return measure(browser, lambda page: page.goto(url) and None, "#messages", "Message 4999")  # type: ignore[arg-type]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rasa-webchat", type=Path)
    parser.add_argument("--deep-chat", type=Path)
    given = parser.parse_args()
    chunk = next(STATIC.glob("assets/chat-*.js"))
    rows: dict[str, dict[str, Any]] = {}
    with sync_playwright() as playwright, Site() as site, tempfile.TemporaryDirectory() as folder:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
        rows["manent"] = {"first bytes, gzip": gz(STATIC / "manent-chat.js")}
        rows["manent"]["all bytes, gzip"] = gz(STATIC / "manent-chat.js", chunk)
        rows["manent"] |= ours(browser, Path(folder))
        for name, run, bundle in [
            ("rasa-webchat", rasa_webchat, given.rasa_webchat),
            ("deep-chat", deep_chat, given.deep_chat),
        ]:
            if bundle is not None:
                rows[name] = {"first bytes, gzip": gz(bundle), "all bytes, gzip": gz(bundle)} | run(
                    browser, site, bundle
                )
        browser.close()
    print(f"{'':34}" + "".join(f"{name:>14}" for name in rows))
    for figure in rows["manent"]:
        print(f"{figure:34}" + "".join(f"{row[figure]:>14}" for row in rows.values()))


if __name__ == "__main__":
    main()
