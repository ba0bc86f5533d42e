"""The chat on real sites: failed requests, the site's styles, several pages and tabs, removal, and phones."""

import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from browser.axe import violations
from browser.chat import Chat
from browser.servers import ChatServer
from browser.sites import Site

PHONE = {"viewport": {"width": 390, "height": 800}, "has_touch": True, "is_mobile": True}
SHADOW = "document.querySelector('manent-chat').shadowRoot"


def element(server: ChatServer, attributes: str = "") -> str:
    """Return a page's body with the chat."""
    return (
        f'<script type="module" src="{server.url}webchat/manent-chat.js"></script>'
        f'<manent-chat heading="Ask us" {attributes}></manent-chat>'
    )


def launcher(page: Page, unread: int = 0) -> Any:
    """Return the floating button."""
    return page.get_by_role("button", name=f"Ask us: {unread}" if unread else "Ask us", exact=True)


def abort(times: int) -> Callable[[Route], None]:
    """Return a route handler that aborts the first requests."""
    left = [times]

    def handle(route: Route) -> None:
        left[0] -= 1
        route.abort() if left[0] >= 0 else route.continue_()

    return handle


# -- code that fails to load ------------------------------------------------------------------------------------------


def test_code_that_failed_to_load_is_loaded_again(page: Page, server: ChatServer, site: Site) -> None:
    """After a failed request, the code is requested again, and the chat appears."""
    page.route(re.compile(r"/assets/chat-"), abort(1))
    page.goto(site.page("/", element(server)))
    launcher(page).click()

    Chat(page).connected().say("many thanks").heard("With pleasure.")


def test_there_is_a_way_out_while_the_code_is_missing(
    open_context: Callable[..., BrowserContext], server: ChatServer, site: Site
) -> None:
    """On a phone, the empty panel can be closed by button and Escape. The next opening loads the code."""
    page = open_context(**PHONE).new_page()
    page.route(re.compile(r"/assets/chat-"), abort(3))
    page.goto(site.page("/", element(server)))
    launcher(page).tap()
    close = page.get_by_role("button", name="Close")
    expect(close).to_be_visible()
    assert violations(page) == []
    close.tap()
    expect(page.get_by_role("dialog")).to_have_count(0)
    launcher(page).tap()
    expect(close).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)

    launcher(page).tap()
    again = page.get_by_role("button", name="↻ Ask us")
    expect(again.or_(page.get_by_role("textbox"))).to_be_visible()
    if again.is_visible():
        assert violations(page) == []
        again.tap()
    Chat(page).connected()


def test_an_old_loader_finds_the_code_of_a_new_release(page: Page, server: ChatServer, site: Site) -> None:
    """A page that was loaded before an upgrade loads the chat of the new release, because the old code is gone."""
    page.route(re.compile(r"/webchat/manent-chat\.js$"), _renamed)
    page.goto(site.page("/", element(server)))
    launcher(page).click()

    Chat(page).connected().say("many thanks").heard("With pleasure.")


def _renamed(route: Route) -> None:
    answer = route.fetch()
    route.fulfill(response=answer, body=re.sub(r"assets/chat-[\w-]+\.js", "assets/chat-old.js", answer.text()))


def test_without_its_texts_the_chat_speaks_english(page: Page, server: ChatServer, site: Site) -> None:
    """If a language cannot be loaded, the chat is in English."""
    page.route(re.compile(r"/assets/de-"), lambda route: route.abort())
    page.goto(site.page("/", element(server, 'lang="de" open')))

    Chat(page).connected()
    expect(page.get_by_role("textbox")).to_have_attribute("placeholder", "Write a message")


def test_a_language_is_loaded(page: Page, server: ChatServer, site: Site) -> None:
    """The built language files have each text in its place."""
    page.goto(site.page("/", element(server, 'lang="de" open')))

    Chat(page).connected()
    expect(page.get_by_role("textbox")).to_have_attribute("placeholder", "Nachricht schreiben")
    expect(page.get_by_role("button", name="Chat schließen")).to_be_visible()


# -- the site's styles ------------------------------------------------------------------------------------------------

LEAKS = """<style>
  html { font-size: 62.5%; }
  body, body * { text-transform: uppercase; letter-spacing: 3px; white-space: pre; text-indent: 2em; word-spacing: 9px;
    text-shadow: 1px 1px red; line-height: 3; font: italic 900 40px cursive; text-align: center; cursor: wait;
    word-break: break-all; font-variant: small-caps; user-select: none; color: red; }
</style>"""

LOOK = f"""() => Object.fromEntries(['.panel', '.launcher', 'textarea', '.text', '.bubble', '[role=heading]'].map(
  name => {{
    const element = {SHADOW}.querySelector(name);
    const style = getComputedStyle(element);
    const look = Object.fromEntries(['fontSize', 'textTransform', 'letterSpacing', 'whiteSpace', 'textIndent', 'color',
      'wordSpacing', 'textShadow', 'lineHeight', 'fontStyle', 'fontWeight', 'fontFamily', 'textAlign', 'wordBreak',
      'fontVariant', 'cursor', 'userSelect', 'width'].map(key => [key, style[key]]));
    return [name, look];
  }}))"""


def test_the_styles_of_the_site_stay_outside(page: Page, server: ChatServer, site: Site) -> None:
    """Styles that the site sets for all text do not change the chat."""
    looks = []
    for path, styles in (("/plain", ""), ("/styled", LEAKS)):
        page.goto(site.page(path, element(server, "open") + styles))
        chat = Chat(page).connected().say("many thanks").heard("With pleasure.")
        chat.said("many thanks")
        looks.append(page.evaluate(LOOK))
        page.evaluate("document.querySelector('manent-chat').erase()")
        chat.heard("With pleasure.", times=0)

    assert looks[0] == looks[1]


def test_the_text_size_of_the_visitor_counts(page: Page, server: ChatServer, site: Site) -> None:
    """The browser's text size changes the chat's text, and the site's `html` size does not."""
    session = page.context.new_cdp_session(page)
    session.send("Page.setFontSizes", {"fontSizes": {"standard": 32, "fixed": 26}})
    page.goto(site.page("/", element(server, "open") + LEAKS))
    Chat(page).connected()

    assert page.evaluate(f"getComputedStyle({SHADOW}.querySelector('.panel')).fontSize") == "32px"
    session.send("Page.setFontSizes", {"fontSizes": {"standard": 9, "fixed": 9}})
    page.reload()
    Chat(page).connected()
    assert page.evaluate(f"getComputedStyle({SHADOW}.querySelector('textarea')).fontSize") == "16px"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_accent_colour_alone_is_readable(
    open_context: Callable[..., BrowserContext], server: ChatServer, site: Site, scheme: str
) -> None:
    """With only a bright or dark accent colour, texts and links have enough contrast."""
    page = open_context(color_scheme=scheme).new_page()
    for colour in ("#ffd500", "#101060"):
        style = f"<style>manent-chat {{ --manent-accent: {colour}; }}</style>"
        page.goto(site.page(f"/{colour[1:]}", element(server, f'open storage="none" theme="{scheme}"') + style))
        chat = Chat(page).connected().say("hello").heard("What can I do for you?")
        chat.box.fill("so that the button can be pressed")
        assert violations(page) == []
        chat.click("Opening hours").heard("Every day")
        assert violations(page) == []


# -- touch ------------------------------------------------------------------------------------------------------------


def test_a_finger_does_not_open_the_keyboard(
    open_context: Callable[..., BrowserContext], server: ChatServer, site: Site
) -> None:
    """On a touch screen, the text field gets the focus only when it is tapped."""
    page = open_context(**PHONE).new_page()
    page.goto(site.page("/", element(server)))
    launcher(page).tap()
    chat = Chat(page).connected()
    expect(chat.box).not_to_be_focused()
    chat.box.tap()
    chat.say("hello").heard("What can I do for you?")
    page.keyboard.press("Escape")
    launcher(page).tap()
    chat.log.get_by_role("button", name="Opening hours").tap()
    chat.heard("Every day")
    expect(chat.box).not_to_be_focused()
    expect(chat.log).to_be_focused()


def test_the_page_does_not_scroll_behind_the_open_chat(
    open_context: Callable[..., BrowserContext], server: ChatServer, site: Site
) -> None:
    """While the chat covers a phone's screen, the page does not scroll."""
    page = open_context(**PHONE).new_page()
    page.goto(site.page("/", element(server) + "<p style='height: 5000px'>Long</p>"))
    overflow = "getComputedStyle(document.documentElement).overflowY"
    launcher(page).tap()
    Chat(page).connected()
    assert page.evaluate(overflow) == "hidden"
    page.keyboard.press("Escape")
    assert page.evaluate(overflow) == "visible"


KEYBOARD = """
class View extends EventTarget { height = innerHeight; offsetTop = 0; scale = 1; }
const view = new View();
Object.defineProperty(window, 'visualViewport', { value: view });
const slide = (height, top) => { view.height = height; view.offsetTop = top; view.dispatchEvent(new Event('resize')); };
window.slideIn = () => slide(innerHeight - 300, 40);
window.slideOut = () => slide(innerHeight, 0);
"""


@pytest.mark.parametrize("layout", ["launcher", "fill"])
def test_a_keyboard_over_the_page_does_not_cover_the_text_field(
    open_context: Callable[..., BrowserContext], server: ChatServer, site: Site, layout: str
) -> None:
    """If the keyboard covers the page (iOS), the chat ends above it until the keyboard closes."""
    page = open_context(**PHONE).new_page()
    page.add_init_script(KEYBOARD)
    body = element(server, f'layout="{layout}" open')
    page.goto(site.page("/", body))
    if layout == "fill":
        page.goto(server.url)
    chat = Chat(page).connected()
    whole = chat.box.bounding_box()
    page.evaluate("slideIn()")
    box = chat.box.bounding_box()
    assert whole is not None
    assert box is not None
    assert box["y"] + box["height"] <= 800 - 300 + 40

    page.evaluate("slideOut()")
    assert chat.box.bounding_box() == whole


# -- several pages and tabs -------------------------------------------------------------------------------------------


def said_elsewhere(page: Page, server: ChatServer, storage: str, text: str, message_id: str) -> None:
    """Send a reply while no page of the site is open, by a message from another program."""
    script = f"JSON.parse({storage}[Object.keys({storage}).find(key => key.endsWith(':session'))])"
    session: dict[str, str] = page.evaluate(script)
    named = {key: session[key] for key in ("session_id", "session_token")}
    body = {**named, "message": text, "message_id": message_id}
    answer = httpx.post(f"{server.url}sessions/user_uttered", content=json.dumps(body), timeout=30)
    assert answer.json()["ok"] is True


@pytest.mark.parametrize("storage", ["local", "session"])
def test_the_chat_is_as_one_left_it_on_the_next_page(page: Page, server: ChatServer, site: Site, storage: str) -> None:
    """On the next page, the chat is open or closed as before, with its draft and badge."""
    body = element(server, f'storage="{storage}"')
    first, second = site.page("/first", body), site.page("/second", body)
    page.goto(first)
    launcher(page).click()
    chat = Chat(page).connected().say("many thanks").heard("With pleasure.")
    chat.box.fill("half a sen")
    page.goto(second)
    chat.connected().heard("With pleasure.")
    expect(chat.box).to_have_value("half a sen")
    assert page.evaluate("document.activeElement.tagName") == "BODY"

    page.keyboard.press("Escape")
    page.get_by_role("button", name="Close chat").click()
    said_elsewhere(page, server, f"{storage}Storage", "count to three", "1")
    expect(launcher(page, 3)).to_be_visible()
    page.goto(first)
    expect(launcher(page, 3)).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)

    page.goto("about:blank")
    page.goto(second)
    page.evaluate("document.querySelector('manent-chat').messages")
    expect(launcher(page, 3)).to_be_visible()
    launcher(page, 3).click()
    chat.connected().heard("Three.")
    page.keyboard.press("Escape")
    expect(launcher(page)).to_be_visible()
    page.reload()
    expect(launcher(page)).to_be_visible()


def test_a_reply_while_no_page_was_open_shows_its_badge(page: Page, server: ChatServer, site: Site) -> None:
    """A reply that arrives while no page is open is in the badge of the next page."""
    address = site.page("/", element(server))
    page.goto(address)
    launcher(page).click()
    Chat(page).connected().say("many thanks").heard("With pleasure.")
    page.keyboard.press("Escape")
    page.goto(site.page("/other", "nothing"))
    said_elsewhere(page, server, "localStorage", "count to three", "1")
    page.goto(address)

    expect(launcher(page, 3)).to_be_visible()


def test_what_one_tab_has_read_is_read_in_all(context: BrowserContext, server: ChatServer, site: Site) -> None:
    """When a message is read in one tab, the badge disappears in all tabs."""
    address = site.page("/", element(server))
    tabs = [context.new_page() for _ in range(2)]
    tabs[0].goto(address)
    launcher(tabs[0]).click()
    Chat(tabs[0]).connected().say("many thanks").heard("With pleasure.")
    tabs[0].keyboard.press("Escape")
    tabs[1].goto(address)
    said_elsewhere(tabs[0], server, "localStorage", "count to three", "1")
    for tab in tabs:
        expect(launcher(tab, 3)).to_be_visible()
    launcher(tabs[1], 3).click()

    for tab in tabs:
        expect(tab.locator("manent-chat [part=badge]")).to_be_hidden()


def test_a_site_opens_the_chat_and_the_visitor_closes_it(page: Page, server: ChatServer, site: Site) -> None:
    """The attribute `open` has no effect after the visitor has closed the chat."""
    address = site.page("/", element(server, "open"))
    page.goto(address)
    Chat(page).connected()
    page.get_by_role("button", name="Close chat").click()
    page.goto(address)

    expect(launcher(page)).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)


NOTIFIED = """
window.notified = [];
window.Notification = class { static permission = 'granted'; static requestPermission = async () => 'granted';
  constructor(title) { notified.push(title); } close() {} };
window.AudioContext = class { constructor() { notified.push('chime'); throw new Error('silent'); } };
"""
HIDDEN = "Object.defineProperty(document, 'visibilityState', { get: () => window.isSeen ? 'visible' : 'hidden' });"


def _hidden_tabs(context: BrowserContext, address: str, server: ChatServer) -> tuple[Chat, list[Page]]:
    """Return the visitor's visible tab and three hidden tabs."""
    context.add_init_script(NOTIFIED + HIDDEN)
    tabs = [context.new_page() for _ in range(4)]
    preferences = f"manent:{server.url.rstrip('/')}/socket.io/:preferences"
    for tab in tabs:
        tab.goto(address)
        tab.evaluate("key => localStorage.setItem(key, 'notifications')", preferences)
        tab.reload()
        Chat(tab).connected()
    tabs[0].evaluate("window.isSeen = true")
    return Chat(tabs[0]), tabs


def test_hidden_tabs_are_silent_while_one_is_read(context: BrowserContext, server: ChatServer, site: Site) -> None:
    """Hidden tabs do not notify a visitor who looks at another tab."""
    reading, tabs = _hidden_tabs(context, site.page("/", element(server, "open")), server)
    reading.say("many thanks").heard("With pleasure.")
    for tab in tabs:
        Chat(tab).heard("With pleasure.")
    tabs[0].wait_for_timeout(2_500)  # longer than any tab waits

    assert [tab.evaluate("notified") for tab in tabs] == [[], [], [], []]


def test_one_of_the_hidden_tabs_calls(context: BrowserContext, server: ChatServer, site: Site) -> None:
    """If all tabs are hidden, exactly one of them notifies the visitor of each message."""
    reading, tabs = _hidden_tabs(context, site.page("/", element(server, "open")), server)
    reading.page.evaluate("window.isSeen = false")
    reading.say("many thanks").heard("With pleasure.")
    tabs[0].wait_for_timeout(2_500)
    reading.say("many thanks").heard("With pleasure.", times=2)
    tabs[0].wait_for_timeout(2_500)

    assert sum(len(tab.evaluate("notified")) for tab in tabs) == 2


# -- removed, moved, attached again -----------------------------------------------------------------------------------

LIFE = """<script type="module">
  window.sockets = 0; window.open_ = 0;
  const Real = WebSocket;
  window.WebSocket = class extends Real {
    constructor(...given) {
      super(...given); sockets += 1; open_ += 1; this.addEventListener('close', () => { open_ -= 1; });
    }
  };
  window.joined = [];
  await import('%swebchat/manent-chat.js');
  window.chat = document.createElement('manent-chat');
  chat.addEventListener('manent-session', () => joined.push(1));
  chat.setAttribute('heading', 'Ask us');
  chat.setAttribute('storage', 'none');
  chat.toggleAttribute('open', true);
  window.ready = true;
</script><div id=one></div><div id=two></div>"""


def test_a_chat_that_is_removed_while_it_loads_never_starts(page: Page, server: ChatServer, site: Site) -> None:
    """An element that was removed opens no socket. If it is added again, it works."""
    page.goto(site.page("/", LIFE % server.url))
    page.wait_for_function("window.ready")
    page.evaluate("document.body.append(chat); chat.remove()")
    page.wait_for_timeout(1_500)
    assert page.evaluate("sockets") == 0

    page.evaluate("document.body.append(chat)")
    Chat(page).connected().say("many thanks").heard("With pleasure.")
    assert page.evaluate("[open_, joined.length]") == [1, 1]


def test_a_chat_that_is_moved_stays_the_same(page: Page, server: ChatServer, site: Site) -> None:
    """Moving the element keeps one chat with one socket, and each event is sent once."""
    page.goto(site.page("/", LIFE % server.url))
    page.wait_for_function("window.ready")
    page.evaluate("one.append(chat); two.append(chat)")
    chat = Chat(page).connected().say("many thanks").heard("With pleasure.")
    page.evaluate("one.append(chat)")
    chat.connected().say("many thanks").heard("With pleasure.", times=2)
    assert page.evaluate("[sockets, open_, joined.length]") == [1, 1, 1]

    sheets = page.evaluate("chat.shadowRoot.adoptedStyleSheets.length")
    for _ in range(5):
        page.evaluate("chat.remove()")
        page.evaluate("two.append(chat)")
        chat.connected()
    page.wait_for_function("open_ === 1")
    assert page.evaluate("chat.shadowRoot.adoptedStyleSheets.length") == sheets


def test_the_first_message_does_not_jump(page: Page, server: ChatServer, site: Site) -> None:
    """The first message of a conversation appears at the end and does not move."""
    page.goto(site.page("/", element(server, "open")))
    chat = Chat(page).connected()
    page.evaluate(
        f"""() => {{ window.places = []; const log = {SHADOW}.querySelector('[role=log]');
        const look = () => {{ const bubble = log.querySelector('.bubble');
          if (bubble && !log.querySelector('.bot')) places.push(Math.round(bubble.getBoundingClientRect().bottom));
          requestAnimationFrame(look); }}; look(); }}"""
    )
    chat.say("many thanks").heard("With pleasure.")
    places = page.evaluate("places")

    assert max(places) - min(places) <= 30  # the line with the time appears below it


# -- what an assistant can show ---------------------------------------------------------------------------------------


def test_code_lists_and_tables_are_whole(chat: Chat) -> None:
    """A text with blank lines is one message with one code block, one list and one table."""
    chat.say("show me some code").heard("Run this:")

    bot = chat.log.locator("[part~=bot]")
    expect(bot).to_have_count(1)
    expect(bot.locator("pre")).to_have_text("first\n\nsecond")
    expect(bot.locator("ul")).to_have_count(1)
    expect(bot.get_by_role("listitem")).to_have_text(["one", "two"])
    expect(bot.get_by_role("cell")).to_have_text(["1", "2"])
    assert violations(chat.page) == []


def test_buttons_that_are_links_and_buttons_without_a_payload(chat: Chat) -> None:
    """A button with an address is a link. A button without a payload sends its title."""
    chat.say("links please").heard("Where to?")
    expect(chat.log.get_by_role("link", name="The map")).to_have_attribute("href", "https://example.com/map")
    chat.click("Say it").said("Say it")
    assert violations(chat.page) == []


def test_links_open_where_the_site_wants(page: Page, server: ChatServer, site: Site) -> None:
    """`link-target` applies to all links."""
    page.goto(site.page("/", element(server, 'open link-target="_self"')))
    chat = Chat(page).connected().say("links please").heard("Where to?")
    expect(chat.log.get_by_role("link", name="The map")).to_have_attribute("target", "_self")
    chat.say("when are you open").heard("Every day")
    expect(chat.log.get_by_role("link", name="our page")).to_have_attribute("target", "_self")


def test_media_that_cannot_be_shown_have_a_fallback(chat: Chat) -> None:
    """A player's page is a link, and a missing image shows its name. Nothing is loaded from other sites."""
    asked: list[str] = []
    chat.page.on("request", lambda request: asked.append(request.url))
    chat.say("play a talk").heard("A film and a picture:")
    link = chat.log.get_by_role("link", name="A talk")
    expect(link).to_have_attribute("href", "https://www.youtube.com/watch?v=abc")
    expect(chat.log.locator("video")).to_have_count(0)
    expect(chat.log.locator(".caption")).to_be_visible()
    expect(chat.log.locator(".caption")).to_have_text("Picture")
    assert not [url for url in asked if "youtube" in url]
    assert violations(chat.page) == []


def test_buttons_of_cards_are_told_apart(chat: Chat) -> None:
    """Equal buttons of two cards have different names, and a missing image leaves no gap."""
    chat.say("let me choose").heard("Tower room")
    expect(chat.log.get_by_role("button", name="Book, Garden room")).to_be_visible()
    expect(chat.log.get_by_role("button", name="Book, Tower room")).to_be_visible()
    expect(chat.log.locator(".card img")).to_be_hidden()
    assert violations(chat.page) == []


# -- small things -----------------------------------------------------------------------------------------------------


def test_a_message_that_is_too_long_can_be_edited(chat: Chat) -> None:
    """A message that was rejected as too long can be edited, and not sent unchanged."""
    chat.say("x" * 64_001)
    chat.log.get_by_role("button", name="Edit").click()
    expect(chat.box).to_have_value(re.compile("^x+$"))
    expect(chat.box).to_be_focused()
    expect(chat.log.get_by_text("Not sent")).to_have_count(0)
    chat.say("many thanks").heard("With pleasure.")


def test_a_denied_microphone_and_denied_notifications_are_said(page: Page, server: ChatServer, site: Site) -> None:
    """If the browser denies the microphone or notifications, the chat shows the reason."""
    page.add_init_script(
        """window.SpeechRecognition = class { start() { this.onerror({ error: 'not-allowed' }); this.onend(); } };
        window.Notification = class { static permission = 'denied';
          static requestPermission = async () => 'denied'; };"""
    )
    page.goto(site.page("/", element(server, "open voice")))
    Chat(page).connected()
    page.get_by_role("button", name="Dictate").click()
    expect(page.get_by_text("does not allow the microphone")).to_be_visible()
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("menuitemcheckbox", name="Notifications").click()
    expect(page.get_by_text("does not allow notifications")).to_be_visible()
    assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_at_400_percent_zoom_the_conversation_has_room(
    open_context: Callable[..., BrowserContext], server: ChatServer, scheme: str
) -> None:
    """At 320 × 200 pixels, header and text field cover less than half."""
    context = open_context(viewport={"width": 320, "height": 200}, color_scheme=scheme)
    chat = Chat(context.new_page()).open(server.url).say("hello").heard("What can I do for you?")
    box = chat.log.bounding_box()
    assert box is not None
    assert box["height"] >= 100
    assert chat.page.evaluate("document.documentElement.scrollWidth") <= 320
    assert violations(chat.page) == []


def test_forced_colours_show_where_the_button_ends(
    open_context: Callable[..., BrowserContext], server: ChatServer, site: Site
) -> None:
    """With forced colours, the launcher and the panel have a border."""
    page = open_context(forced_colors="active").new_page()
    page.goto(site.page("/", element(server)))
    outline = f"getComputedStyle({SHADOW}.querySelector('.launcher')).outlineStyle"
    expect(launcher(page)).to_be_visible()
    assert page.evaluate(outline) == "solid"
    launcher(page).click()
    Chat(page).connected().say("hello").heard("What can I do for you?")
    assert violations(page) == []


def test_paper_belongs_to_the_page(page: Page, server: ChatServer, site: Site) -> None:
    """A floating chat is not printed. A chat that fills the page is printed completely."""
    page.goto(site.page("/", element(server) + "<p>The article.</p>"))
    page.emulate_media(media="print")
    expect(page.locator("manent-chat")).to_be_hidden()
    page.emulate_media(media="screen")
    launcher(page).click()
    Chat(page).connected()
    page.emulate_media(media="print")
    expect(page.locator("manent-chat")).to_be_hidden()


def test_a_whole_conversation_is_printed(chat: Chat) -> None:
    """The printed page has all messages, including the newest."""
    page = chat.page
    for _ in range(15):
        page.evaluate("document.querySelector('manent-chat').send('count to three')")
    page.wait_for_function("() => document.querySelector('manent-chat').messages.length === 60")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    last = chat.log.locator("[part~=bot]").last.bounding_box()
    assert last is not None
    height = page.evaluate("document.documentElement.scrollHeight")
    assert 800 < last["y"] + last["height"] <= height + 1
    assert page.evaluate(f"{SHADOW}.querySelectorAll('[part~=message]').length") == 60
