"""Conversations in the web chat: messages, reloads, several tabs and outages."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, WebSocketRoute, expect

from browser.axe import violations
from browser.chat import Chat
from browser.servers import ChatServer

TALK = """async turns => {
    const chat = document.querySelector('manent-chat');
    for (let turn = 1; turn <= turns; turn += 1) {
        const answered = new Promise(done => chat.addEventListener('manent-message', function hear(event) {
            if (event.detail.body?.text !== 'Three.') return;
            chat.removeEventListener('manent-message', hear);
            done();
        }));
        await chat.send('/count', { title: `Turn ${turn}.` });
        await answered;
    }
}"""
"""Have so many turns, each of a message and three replies."""


def test_a_form_is_filled_in_by_words_and_by_buttons(chat: Chat) -> None:
    """A visitor completes a form by typing and clicking. A clicked button is shown by its title."""
    chat.say("hello").heard("What can I do for you?")
    chat.click("Book a table").heard("For how many people?")
    chat.click("Two").heard("And your name, please?")
    chat.say("Ada").heard("A table for 2, Ada. See you soon!")

    assert [line for line in chat.lines() if line.startswith(">")] == ["> hello", "> Book a table", "> Two", "> Ada"]
    assert chat.errors == []


def test_the_conversation_is_there_after_a_reload(chat: Chat) -> None:
    """A reload shows the conversation, and used buttons stay used."""
    chat.say("hello").heard("What can I do for you?")
    chat.click("Opening hours").heard("Every day")
    before = chat.lines()

    chat.reload().heard("Every day")

    assert chat.lines() == before
    expect(chat.log.get_by_role("button", name="Opening hours")).to_be_disabled()
    expect(chat.log.get_by_role("button", name="Opening hours")).to_have_attribute("aria-pressed", "true")


def test_a_second_tab_has_the_history_and_is_live(chat: Chat, context: BrowserContext, server: ChatServer) -> None:
    """Both tabs show the messages of both, and a quick reply that was used in one tab is used in both."""
    chat.say("hello").heard("What can I do for you?")
    other = Chat(context.new_page()).open(server.url).heard("What can I do for you?")

    other.click("Opening hours").heard("Every day")

    chat.heard("Every day").said("Opening hours")
    expect(chat.log.get_by_role("button", name="Book a table")).to_be_disabled()
    assert chat.lines() == other.lines()


def test_another_visitor_sees_nothing_of_it(
    chat: Chat, open_context: Callable[..., BrowserContext], server: ChatServer
) -> None:
    """Another browser has another conversation."""
    chat.say("hello").heard("What can I do for you?")

    stranger = Chat(open_context().new_page()).open(server.url)

    expect(stranger.page.get_by_text("Write a message to get started.")).to_be_visible()
    assert stranger.lines() == []


def test_a_killed_server_is_found_again_without_reloading(chat: Chat, server: ChatServer) -> None:
    """A message that is sent while the server is down is answered once after its restart."""
    chat.say("hello").heard("What can I do for you?")
    server.kill()
    chat.disconnected().say("when are you open").said("when are you open")
    server.start()

    chat.connected().heard("Every day")
    chat.reload().heard("Every day", times=1).said("when are you open", times=1)


def test_what_is_written_offline_survives_a_closed_page(
    chat: Chat, context: BrowserContext, server: ChatServer
) -> None:
    """A message that a closed page could not send is sent once, at the next visit."""
    chat.say("hello").heard("What can I do for you?")
    server.kill()
    chat.disconnected().say("many thanks").said("many thanks")
    chat.page.close()
    server.start()

    again = Chat(context.new_page()).open(server.url).heard("With pleasure.")

    again.said("many thanks", times=1)


def test_offline_typed_online(chat: Chat, context: BrowserContext) -> None:
    """Without a network, messages are marked as waiting. When the network returns, each is sent once."""
    chat.say("hello").heard("What can I do for you?")
    context.set_offline(True)
    chat.disconnected().say("count to three")
    expect(chat.log.get_by_role("img", name="Sending")).to_be_visible()
    context.set_offline(False)

    chat.connected().heard("Three.").heard("One.", times=1).said("count to three", times=1)
    expect(chat.log.get_by_role("img", name="Sent")).to_be_visible()


def test_a_message_in_flight_survives_the_crash_of_the_server(chat: Chat, server: ChatServer) -> None:
    """If the server is killed during turns, each message is answered once after its restart."""
    for _ in range(10):
        chat.page.evaluate("document.querySelector('manent-chat').send('count to three')")
    server.kill()
    chat.disconnected()
    server.start()

    chat.connected().said("count to three", times=10).heard("Three.", times=10)
    chat.reload().said("count to three", times=10).heard("Three.", times=10)


def test_without_websockets_it_polls(page: Page, server: ChatServer) -> None:
    """If a proxy blocks WebSocket, the chat works over HTTP."""
    page.add_init_script(
        "window.WebSocket = class { constructor() { setTimeout(() => this.onerror?.({})) } close() {} }"
    )
    polled: list[str] = []
    page.on("request", lambda request: polled.append(request.method) if "transport=polling" in request.url else None)
    chat = Chat(page).open(server.url).say("hello").heard("What can I do for you?")
    chat.click("Book a table").heard("For how many people?")

    assert {"GET", "POST"} <= set(polled)
    assert chat.errors == []


def test_paper_shows_everything(chat: Chat) -> None:
    """A printed page has all loaded messages and no controls. After printing, the chat looks as before."""
    for _ in range(25):
        chat.page.evaluate("document.querySelector('manent-chat').send('count to three')")
    drawn = "() => document.querySelector('manent-chat').shadowRoot.querySelectorAll('[part~=message]').length"
    chat.page.wait_for_function("() => document.querySelector('manent-chat').messages.length === 100")
    before = chat.page.evaluate(drawn)
    chat.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    chat.page.emulate_media(media="print")
    assert chat.page.evaluate(drawn) == 100
    expect(chat.page.get_by_role("textbox")).to_be_hidden()

    chat.page.emulate_media(media="screen")
    chat.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert chat.page.evaluate(drawn) == before < 100


def test_the_parts_of_an_answer_stand_in_order(chat: Chat) -> None:
    """Several replies to one message are in order."""
    chat.say("count to three").heard("Three.")

    assert chat.lines() == ["> count to three", "One.", "Two.", "Three."]


def test_a_long_past_is_read_up_to_its_beginning(chat: Chat) -> None:
    """Scrolling up loads older messages, keeps the position, and renders at most 300 messages."""
    turns = 70
    chat.page.evaluate(TALK, turns)
    chat.reload().said(f"Turn {turns}.")

    log = chat.log.element_handle()
    to_the_top = """log => {
        log.scrollTop = 0;
        window.most = Math.max(window.most ?? 0, log.querySelectorAll('[part~=message]').length);
        return log.innerText.includes('Turn 1.');
    }"""
    chat.page.wait_for_function(to_the_top, arg=log, timeout=30_000)
    assert chat.page.evaluate("most") <= 300
    assert chat.page.evaluate("document.querySelector('manent-chat').messages.length") == turns * 4

    assert violations(chat.page) == []
    chat.page.get_by_role("button", name="Newest messages").click()
    expect(chat.log.get_by_text(f"Turn {turns}.")).to_be_in_viewport()


def test_a_new_conversation_begins_in_every_tab(chat: Chat, context: BrowserContext, server: ChatServer) -> None:
    """A new conversation also clears the other tab, and both tabs continue with it."""
    chat.say("hello").heard("What can I do for you?")
    other = Chat(context.new_page()).open(server.url).heard("What can I do for you?")

    chat.menu("New conversation")
    chat.page.get_by_role("button", name="Start", exact=True).click()

    chat.heard("What can I do for you?", times=0)
    other.heard("What can I do for you?", times=0)
    other.say("many thanks").heard("With pleasure.")
    chat.heard("With pleasure.")


def test_forget_me_erases_the_conversation(chat: Chat, context: BrowserContext, server: ChatServer) -> None:
    """After an erasure, no tab shows the old messages again, also after a reload."""
    chat.say("hello").heard("What can I do for you?")
    other = Chat(context.new_page()).open(server.url).heard("What can I do for you?")

    chat.menu("Erase conversation")
    chat.page.get_by_role("button", name="Erase", exact=True).click()

    chat.heard("What can I do for you?", times=0)
    other.heard("What can I do for you?", times=0)
    assert chat.reload().lines() == []


def test_an_erased_text_never_comes_back(chat: Chat, context: BrowserContext, server: ChatServer) -> None:
    """If one tab erases the conversation, a message that another tab wrote offline is discarded visibly."""
    chat.say("hello").heard("What can I do for you?")
    other = Chat(context.new_page()).open(server.url).heard("What can I do for you?")
    other.page.evaluate("dispatchEvent(new Event('offline'))")
    other.disconnected().say("a secret thought").said("a secret thought")

    chat.menu("Erase conversation")
    chat.page.get_by_role("button", name="Erase", exact=True).click()
    chat.heard("What can I do for you?", times=0)
    other.page.evaluate("dispatchEvent(new Event('online'))")

    other.connected().said("a secret thought", times=0)
    expect(other.page.get_by_text("Not sent, because the conversation has changed")).to_be_visible()
    assert chat.lines() == []


def test_blocked_storage_is_said_aloud(page: Page, server: ChatServer) -> None:
    """If a browser blocks storage, the chat works and shows the consequence."""
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError') } })"
    )
    chat = Chat(page).open(server.url).say("hello").heard("What can I do for you?")

    expect(page.get_by_text("Your browser does not allow storage")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Dismiss").click()
    expect(page.get_by_text("Your browser does not allow storage")).to_have_count(0)
    assert chat.errors == []


def test_text_never_becomes_markup(chat: Chat) -> None:
    """HTML in messages, titles and custom JSON is shown as text, without scripts and dangerous links."""
    chat.say("attack me").heard("<img src=x")
    chat.say("what is the forecast").heard("More data")
    chat.say("<img src=x onerror=window.attacked=1>").said("<img src=x")

    assert chat.page.evaluate("window.attacked") is None
    assert chat.log.locator("img[src=x], script, [onerror], [onclick], [onmouseover]").count() == 0
    hrefs = chat.log.locator("a").evaluate_all("links => links.map(link => link.protocol)")
    assert set(hrefs) <= {"https:", "http:"}


def test_pictures_cards_and_lists_are_shown(chat: Chat) -> None:
    """An answer can have images, cards side by side, and an accordion."""
    chat.say("show me a picture").heard("Here is our mark.")
    expect(chat.log.get_by_role("img").locator("visible=true").first).to_be_visible()
    chat.say("show me the rooms").heard("Tower room")
    expect(chat.log.get_by_role("group", name="Garden room, Tower room")).to_be_visible()
    chat.say("common questions").heard("May I bring a dog?")
    chat.log.get_by_text("May I bring a dog?").click()
    expect(chat.log.get_by_text("Yes, gladly.")).to_be_visible()


def test_films_sounds_files_and_ratings_are_shown(chat: Chat) -> None:
    """Videos, audio, files and ratings have names. A rating can be given once and is kept after a reload."""
    chat.say("every kind of message").heard("How was it?")
    expect(chat.log.locator("video[controls]")).to_have_attribute("aria-label", "A walk through the house")
    expect(chat.log.locator("audio[controls]")).to_have_attribute("aria-label", "The bell")
    expect(chat.log.get_by_role("link", name="Download bill.pdf")).to_have_attribute("download", "")
    assert violations(chat.page) == []

    chat.click("Good").heard("Noted.").heard("With pleasure.")
    chat.reload().heard("Noted.")
    expect(chat.log.get_by_role("button", name="Bad")).to_be_disabled()


def test_the_transcript_can_be_kept(chat: Chat) -> None:
    """The transcript contains the conversation."""
    chat.say("hello").heard("What can I do for you?")

    with chat.page.expect_download() as kept:
        chat.menu("Download transcript")

    text = kept.value.path().read_text()
    assert "You: hello" in text
    assert "Good day! What can I do for you?" in text


def test_the_transcript_waits_for_what_is_loading(page: Page, server: ChatServer) -> None:
    """A transcript waits for older messages that are loading, or notes that they are missing."""
    held: list[Callable[[], None]] = []

    def relay(route: WebSocketRoute) -> None:
        there = route.connect_to_server()

        def said(message: str | bytes) -> None:
            if "history_request" in str(message):
                held.append(lambda: there.send(message))
            else:
                there.send(message)

        route.on_message(said)

    page.route_web_socket("**/socket.io/**", relay)
    chat = Chat(page).open(server.url)
    page.evaluate(TALK, 20)

    def to_the_top() -> None:
        chat.reload().said("Turn 20.")
        up = "log => { log.scrollTop = 0; return log.innerText.includes('Loading earlier messages'); }"
        page.wait_for_function(up, arg=chat.log.element_handle())

    to_the_top()
    with page.expect_download() as whole:
        chat.menu("Download transcript")
        held.pop()()
    lines = whole.value.path().read_text().splitlines()
    assert lines[0].endswith("Turn 1.")
    assert lines[-1].endswith("Three.")

    to_the_top()
    with page.expect_download() as cut:
        chat.menu("Download transcript")
        page.context.set_offline(True)
    lines = cut.value.path().read_text().splitlines()
    assert lines[0] == "[Earlier messages are missing.]"
    assert lines[-1].endswith("Three.")


@pytest.mark.parametrize("width", [320, 1280])
def test_nothing_is_wider_than_the_window(
    open_context: Callable[..., BrowserContext], server: ChatServer, width: int
) -> None:
    """The chat does not scroll sideways, even at 320 pixels."""
    context = open_context(viewport={"width": width, "height": 640})
    chat = Chat(context.new_page()).open(server.url)
    chat.say("hello").heard("What can I do for you?")
    chat.say("show me the rooms").heard("Tower room")
    chat.say("x" * 300).said("x" * 300)

    assert chat.page.evaluate("document.documentElement.scrollWidth") <= width
    assert chat.log.evaluate("log => log.scrollWidth <= log.clientWidth")


def test_what_one_types_is_shown_also_after_a_slash(chat: Chat) -> None:
    """A typed command is executed and shown, also after a reload. A payload from the page is not shown."""
    chat.say("many thanks").heard("With pleasure.")
    chat.say("/restart").said("/restart")
    chat.say("/help me please").said("/help me please")
    chat.page.evaluate("document.querySelector('manent-chat').send('/thank')")
    chat.say("hello").heard("What can I do for you?")
    expect(chat.log.locator("[part~=divider]").filter(has_text="Conversation restarted")).to_have_count(1)

    chat.reload().said("/restart").said("/help me please").said("/thank", times=0)


def test_a_long_text_is_not_cut(chat: Chat) -> None:
    """A text of any length that the server accepts can be sent. A longer text is rejected visibly and not shortened."""
    chat.say("x" * 20_000)
    expect(chat.log.locator("[part~=bubble]")).to_have_text("x" * 20_000)
    chat.reload()
    expect(chat.log.locator("[part~=bubble]")).to_have_text("x" * 20_000)

    chat.say("y" * 70_000)
    expect(chat.log.get_by_text("Not sent: The message is too long.")).to_be_visible()


def test_a_draft_survives_a_reload(chat: Chat, context: BrowserContext, server: ChatServer) -> None:
    """An unsent text is kept in its tab until it is sent or the conversation is erased."""
    chat.box.fill("many th")
    expect(chat.reload().box).to_have_value("many th")
    expect(Chat(context.new_page()).open(server.url).box).to_have_value("")

    chat.say("many thanks").heard("With pleasure.")
    expect(chat.reload().box).to_have_value("")

    chat.box.fill("a secret")
    chat.page.evaluate("document.querySelector('manent-chat').forget()")
    expect(chat.box).to_have_value("")
    expect(chat.reload().box).to_have_value("")
