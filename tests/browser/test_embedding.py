"""The chat on other sites: the element, its methods and events, and replacements for other widgets."""

import gzip
import json
import subprocess
import tarfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from browser.axe import violations
from browser.chat import Chat
from browser.servers import ChatServer
from browser.sites import Site
from manent.web import STATIC

SOCKET_IO = Path(__file__).parents[2] / "web/node_modules/socket.io-client/dist/socket.io.min.js"


def element(server: ChatServer, attributes: str = "") -> str:
    """Return a page that embeds the element."""
    return (
        f'<script type="module" src="{server.url}webchat/manent-chat.js"></script>'
        f'<manent-chat heading="Ask us" {attributes}></manent-chat>'
    )


def test_the_launcher_loads_little_and_opens_the_chat(page: Page, server: ChatServer, site: Site) -> None:
    """Until a visitor opens the chat, only the loader is loaded. Escape closes the chat and restores the focus."""
    loaded: list[str] = []
    page.on("response", lambda answer: loaded.append(answer.url) if "/webchat/" in answer.url else None)
    page.goto(site.page("/", element(server)))
    launcher = page.get_by_role("button", name="Ask us")
    expect(launcher).to_be_visible()
    assert [url.rsplit("/", 1)[1] for url in loaded] == ["manent-chat.js"]

    assert violations(page) == []

    launcher.click()
    chat = Chat(page).connected()
    assert violations(page) == []
    expect(chat.box).to_be_focused()
    chat.say("many thanks").heard("With pleasure.")
    page.keyboard.press("Escape")

    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(launcher).to_be_focused()


def test_it_is_small() -> None:
    """The loader has at most 6 kB, and the chat with its largest language at most 65 kB (gzip).

    The optional parts are loaded when they are needed: for files, code, invitations and downloads.
    """
    optional = {"tray", "highlight", "invitation", "close_word", "download"}
    assets = {path.name.partition("-")[0]: path for path in (STATIC / "webchat/assets").glob("*.js")}
    chat = assets.pop("chat")
    imported = {name for name, path in assets.items() if f'from"./{path.name}"' in chat.read_text()}
    first = _gzipped(STATIC / "webchat/manent-chat.js")
    whole = _gzipped(chat) + sum(_gzipped(assets[name]) for name in imported)
    parts = {name: _gzipped(path) for name, path in assets.items() if name not in imported}
    largest = max(size for name, size in parts.items() if name not in optional)

    assert first <= 6_000
    assert first + whole + largest <= 65_000
    assert all(parts[name] <= 4_000 for name in optional)


def _gzipped(path: Path) -> int:
    return len(gzip.compress(path.read_bytes(), 9))


def test_a_reply_to_a_closed_chat_is_counted(page: Page, server: ChatServer, site: Site) -> None:
    """The badge shows the number of unread messages, and opening the chat clears it."""
    page.goto(site.page("/", element(server)))
    page.get_by_role("button", name="Ask us").click()
    chat = Chat(page).connected().say("many thanks").heard("With pleasure.")
    page.keyboard.press("Escape")
    page.evaluate("document.querySelector('manent-chat').send('count to three')")

    expect(page.get_by_role("button", name="Ask us: 3")).to_be_visible()
    page.get_by_role("button", name="Ask us: 3").click()
    chat.heard("Three.")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Ask us", exact=True)).to_be_visible()


def test_one_line_is_enough(page: Page, server: ChatServer, site: Site) -> None:
    """A single script tag with data attributes adds the chat to a page."""
    source = f"{server.url}webchat/manent-chat.js"
    tag = f'<script type="module" src="{source}" data-chat data-heading="One line" data-open></script>'
    page.goto(site.page("/", tag))

    Chat(page).connected().say("many thanks").heard("With pleasure.")
    expect(page.get_by_role("heading", name="One line")).to_be_visible()


def test_methods_and_events(page: Page, server: ChatServer, site: Site) -> None:
    """A page's script can call methods of the element and receive its events."""
    script = """<script type="module">
      const chat = document.querySelector('manent-chat');
      window.heard = [];
      for (const name of ['ready', 'open', 'close', 'message', 'sent', 'session', 'unread'])
        chat.addEventListener('manent-' + name, event => heard.push([name, event.detail]));
      await customElements.whenDefined('manent-chat');
      chat.registerRenderer('forecast', value => {
        const drawn = document.createElement('b'); drawn.textContent = value.degrees + ' degrees'; return drawn;
      });
      chat.open();
      await chat.send('/ask_forecast', { title: 'The forecast' });
    </script>"""
    page.goto(site.page("/", element(server) + script))
    chat = Chat(page).connected().said("The forecast").heard("21 degrees")

    names = page.evaluate("heard.map(([name]) => name)")
    assert {"ready", "open", "session", "sent", "message"} <= set(names)
    assert page.evaluate("heard.find(([name]) => name === 'sent')[1].title") == "The forecast"
    first = page.evaluate("document.querySelector('manent-chat').sessionId")
    assert page.evaluate("document.querySelector('manent-chat').messages.length") == 2
    page.evaluate("document.querySelector('manent-chat').reset()")
    chat.heard("21 degrees", times=0)
    assert page.evaluate("document.querySelector('manent-chat').sessionId") != first


SPEECH = """
window.spoken = [];
window.SpeechSynthesisUtterance = class { constructor(words) { this.words = words; } };
Object.defineProperty(window, 'speechSynthesis', {
  value: { speak: utterance => spoken.push(utterance.words), cancel() {} },
});
window.SpeechRecognition = class {
  start() { this.onresult({ results: [[{ transcript: 'many thanks' }]] }); this.onend(); }
};
"""


def test_speech_in_and_out(page: Page, server: ChatServer, site: Site) -> None:
    """If the site allows it, a visitor can dictate a message and have replies read aloud."""
    page.add_init_script(SPEECH)
    page.goto(site.page("/", element(server, "open voice")))
    chat = Chat(page).connected()
    page.get_by_role("button", name="Dictate").click()
    expect(chat.box).to_have_value("many thanks")
    page.get_by_role("button", name="Send").click()
    chat.heard("With pleasure.")
    assert page.evaluate("spoken") == []

    page.get_by_role("button", name="Menu").click()
    page.get_by_role("menuitemcheckbox", name="Read replies aloud").click()
    chat.say("many thanks").heard("With pleasure.", times=2)
    page.wait_for_function("spoken.length > 0")
    assert page.evaluate("spoken") == ["With pleasure."]


def test_the_initial_payload_is_said_once(page: Page, server: ChatServer, site: Site) -> None:
    """The initial payload is sent in a new conversation only."""
    address = site.page("/", element(server, 'open initial-payload="/greet"'))
    page.goto(address)
    chat = Chat(page).connected().heard("What can I do for you?")
    page.goto(address)

    chat.connected().heard("What can I do for you?", times=1)
    assert len(chat.lines()) == 1


def test_a_site_that_uses_rasa_webchat_switches_by_one_address(page: Page, server: ChatServer, site: Site) -> None:
    """`WebChat.default({…})` works and continues the session that rasa-webchat stored."""
    hosted = Chat(page).open(server.url).say("hello").heard("What can I do for you?")
    found = json.loads(
        hosted.page.evaluate("localStorage[Object.keys(localStorage).find(k => k.endsWith(':session'))]")
    )
    stored = f"{found['session_id']}.{found['session_token']}"
    address = site.page(
        "/",
        f"""<script>
          localStorage.chat_session = JSON.stringify({{ session_id: "{stored}" }});
          window.told = [];
          const script = document.createElement('script');
          script.src = '{server.url}webchat/manent-compat.js';
          script.onload = () => WebChat.default({{
            socketUrl: '{server.url}', title: 'Switched', customData: {{ language: 'en' }}, initPayload: '/greet',
            mainColor: '#225522', onSocketEvent: {{ bot_uttered: body => told.push(body.text) }},
            onWidgetEvent: {{ onChatOpen: () => told.push('opened'), onChatHidden: () => told.push('hidden') }},
            openLauncherImage: '{server.url}webchat/icon.svg',
          }}, null);
          document.head.append(script);
        </script>""",
    )
    page.goto(address)
    expect(page.get_by_role("button", name="Switched").locator("img")).to_be_visible()
    page.get_by_role("button", name="Switched").click()
    chat = Chat(page).connected().heard("What can I do for you?")

    page.evaluate("WebChat.send('/thank', 'Thanks!')")
    chat.said("Thanks!").heard("With pleasure.")
    page.evaluate("WebChat.hide()")
    expect(chat.panel).to_be_hidden()
    assert page.evaluate("told") == ["opened", "With pleasure.", "hidden"]


def test_a_site_that_uses_the_chat_widget_switches_too(page: Page, server: ChatServer, site: Site) -> None:
    """`<rasa-chatbot-widget>` works with its attributes and events."""
    address = site.page(
        "/",
        f"""<script src="{server.url}webchat/manent-compat.js"></script>
        <rasa-chatbot-widget server-url="{server.url}" widget-title="Widget" auto-open="true"></rasa-chatbot-widget>
        <script>
          window.told = [];
          for (const name of ['chatSessionStarted', 'chatWidgetSentMessage', 'chatWidgetReceivedMessage'])
            addEventListener(name, () => told.push(name));
        </script>""",
    )
    page.goto(address)
    Chat(page).connected().say("many thanks").heard("With pleasure.")

    assert page.evaluate("told") == ["chatSessionStarted", "chatWidgetSentMessage", "chatWidgetReceivedMessage"]


PLAIN_PAGE = """<script src="/socket.io.js"></script>
<input aria-label="Say"><ul></ul>
<script>
  const id = () => localStorage.getItem('RASA_SESSION_ID');
  const show = text => {
    const item = document.createElement('li');
    item.textContent = text;
    document.querySelector('ul').append(item);
  };
  const socket = io('%s');
  socket.on('connect', () => socket.emit('session_request', { session_id: id() }));
  socket.on('session_confirm', given => {
    localStorage.setItem('RASA_SESSION_ID', given);
    document.title = 'confirmed';
  });
  socket.on('bot_uttered', reply => {
    show(reply.text);
    for (const one of reply.quick_replies ?? []) show('[' + one.title + ']');
  });
  document.querySelector('input').addEventListener('change', event => {
    socket.emit('user_uttered', { message: event.target.value, session_id: id() });
  });
</script>"""


def test_a_plain_page_talks_and_then_switches(page: Page, server: ChatServer, site: Site) -> None:
    """A plain Socket.IO page works, and the chat continues its session with the history."""
    site.pages["/socket.io.js"] = SOCKET_IO.read_bytes()
    page.goto(site.page("/plain", PLAIN_PAGE % server.url))
    page.wait_for_function("document.title === 'confirmed'")
    page.get_by_role("textbox").fill("hello")
    page.get_by_role("textbox").press("Enter")
    expect(page.get_by_role("listitem")).to_have_text(
        ["Good day! What can I do for you?", "[Opening hours]", "[Book a table]"]
    )

    page.goto(site.page("/ours", element(server, 'open adopt="RASA_SESSION_ID"')))
    Chat(page).connected().said("hello").heard("What can I do for you?")


@pytest.fixture(scope="module")
def rasa_webchat(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The newest release of rasa-webchat from npm."""
    folder = tmp_path_factory.mktemp("rasa-webchat")
    subprocess.run(["npm", "pack", "--silent", "rasa-webchat@1.0.1"], cwd=folder, check=True, timeout=120)  # noqa: S607
    with tarfile.open(next(folder.glob("*.tgz"))) as package:
        bundle = package.extractfile("package/lib/index.js")
        assert bundle is not None
        return bundle.read()


def test_rasa_webchat_itself_holds_a_conversation(
    page: Page, server: ChatServer, site: Site, rasa_webchat: bytes
) -> None:
    """The original rasa-webchat works, and continues after a reload."""
    site.pages["/widget.js"] = rasa_webchat
    start = (
        f"WebChat.default({{ socketUrl: '{server.url}', initPayload: '/greet', params: {{ storage: 'local' }} }}, null)"
    )
    page.goto(site.page("/", f'<script src="/widget.js"></script><script>{start}</script>'))
    page.locator(".rw-launcher").click()
    expect(page.get_by_text("What can I do for you?")).to_be_visible()
    page.locator(".rw-new-message").fill("many thanks")
    page.locator(".rw-new-message").press("Enter")
    expect(page.get_by_text("With pleasure.")).to_be_visible()

    page.reload()
    expect(page.get_by_text("With pleasure.")).to_be_visible()
