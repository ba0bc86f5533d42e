"""What a visitor lives through: talking, reloading, several tabs, an outage."""

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
    """A whole booking, by typing and clicking; what was clicked stands there by its title."""
    chat.say("hello").heard("What can I do for you?")
    chat.click("Book a table").heard("For how many people?")
    chat.click("Two").heard("And your name, please?")
    chat.say("Ada").heard("A table for 2, Ada. See you soon!")

    assert [line for line in chat.lines() if line.startswith(">")] == ["> hello", "> Book a table", "> Two", "> Ada"]
    assert chat.errors == []


def test_the_conversation_is_there_after_a_reload(chat: Chat) -> None:
    """A reload shows what was said, and the buttons that were used stay used."""
    chat.say("hello").heard("What can I do for you?")
    chat.click("Opening hours").heard("Every day")
    before = chat.lines()

    chat.reload().heard("Every day")

    assert chat.lines() == before
    expect(chat.log.get_by_role("button", name="Opening hours")).to_be_disabled()
    expect(chat.log.get_by_role("button", name="Opening hours")).to_have_attribute("aria-pressed", "true")


def test_a_second_tab_has_the_history_and_is_live(chat: Chat, context: BrowserContext, server: ChatServer) -> None:
    """Both tabs show both tabs' messages, and quick replies are consumed in both."""
    chat.say("hello").heard("What can I do for you?")
    other = Chat(context.new_page()).open(server.url).heard("What can I do for you?")

    other.click("Opening hours").heard("Every day")

    chat.heard("Every day").said("Opening hours")
    expect(chat.log.get_by_role("button", name="Book a table")).to_be_disabled()
    assert chat.lines() == other.lines()


def test_another_visitor_sees_nothing_of_it(
    chat: Chat, open_context: Callable[..., BrowserContext], server: ChatServer
) -> None:
    """A browser of its own is a conversation of its own."""
    chat.say("hello").heard("What can I do for you?")

    stranger = Chat(open_context().new_page()).open(server.url)

    expect(stranger.page.get_by_text("Write a message to get started.")).to_be_visible()
    assert stranger.lines() == []


def test_a_killed_server_is_found_again_without_reloading(chat: Chat, server: ChatServer) -> None:
    """What was typed while the server was dead is answered once when it is back."""
    chat.say("hello").heard("What can I do for you?")
    server.kill()
    chat.disconnected().say("when are you open").said("when are you open")
    server.start()

    chat.connected().heard("Every day")
    chat.reload().heard("Every day", times=1).said("when are you open", times=1)


def test_what_is_written_offline_survives_a_closed_page(
    chat: Chat, context: BrowserContext, server: ChatServer
) -> None:
    """A message that was never sent is sent by the next visit, once."""
    chat.say("hello").heard("What can I do for you?")
    server.kill()
    chat.disconnected().say("many thanks").said("many thanks")
    chat.page.close()
    server.start()

    again = Chat(context.new_page()).open(server.url).heard("With pleasure.")

    again.said("many thanks", times=1)


def test_offline_typed_online(chat: Chat, context: BrowserContext) -> None:
    """Without a network messages wait, visibly; with it they go out once."""
    chat.say("hello").heard("What can I do for you?")
    context.set_offline(True)
    chat.disconnected().say("count to three")
    expect(chat.log.get_by_role("img", name="Sending")).to_be_visible()
    context.set_offline(False)

    chat.connected().heard("Three.").heard("One.", times=1).said("count to three", times=1)
    expect(chat.log.get_by_role("img", name="Sent")).to_be_visible()


def test_a_message_in_flight_survives_the_crash_of_the_server(chat: Chat, server: ChatServer) -> None:
    """The server is killed while it works on messages that were just sent; each is answered once when it is back."""
    for _ in range(10):
        chat.page.evaluate("document.querySelector('manent-chat').send('count to three')")
    server.kill()
    chat.disconnected()
    server.start()

    chat.connected().said("count to three", times=10).heard("Three.", times=10)
    chat.reload().said("count to three", times=10).heard("Three.", times=10)


def test_without_websockets_it_polls(page: Page, server: ChatServer) -> None:
    """Where a proxy blocks WebSocket the chat goes by HTTP, and nothing else is different."""
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
    """Printing shows all that is loaded, without what one can only click, and goes back afterwards."""
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
    """Scrolling up loads page after page, keeps the place, and never draws more than 300 messages."""
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
    """Beginning anew empties the other tab as well, and both go on together."""
    chat.say("hello").heard("What can I do for you?")
    other = Chat(context.new_page()).open(server.url).heard("What can I do for you?")

    chat.menu("New conversation")
    chat.page.get_by_role("button", name="Start", exact=True).click()

    chat.heard("What can I do for you?", times=0)
    other.heard("What can I do for you?", times=0)
    other.say("many thanks").heard("With pleasure.")
    chat.heard("With pleasure.")


def test_forget_me_erases_the_conversation(chat: Chat, context: BrowserContext, server: ChatServer) -> None:
    """After an erase nothing comes back, in no tab and after no reload."""
    chat.say("hello").heard("What can I do for you?")
    other = Chat(context.new_page()).open(server.url).heard("What can I do for you?")

    chat.menu("Erase conversation")
    chat.page.get_by_role("button", name="Erase", exact=True).click()

    chat.heard("What can I do for you?", times=0)
    other.heard("What can I do for you?", times=0)
    assert chat.reload().lines() == []


def test_an_erased_text_never_comes_back(chat: Chat, context: BrowserContext, server: ChatServer) -> None:
    """What one tab wrote offline is dropped, visibly, when the other had the conversation erased."""
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
    """A browser that forbids storage still chats, and says what that means."""
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
    """HTML in messages, titles and custom JSON stays text; no script runs, no forbidden link appears."""
    chat.say("attack me").heard("<img src=x")
    chat.say("what is the forecast").heard("More data")
    chat.say("<img src=x onerror=window.attacked=1>").said("<img src=x")

    assert chat.page.evaluate("window.attacked") is None
    assert chat.log.locator("img[src=x], script, [onerror], [onclick], [onmouseover]").count() == 0
    hrefs = chat.log.locator("a").evaluate_all("links => links.map(link => link.protocol)")
    assert set(hrefs) <= {"https:", "http:"}


def test_pictures_cards_and_lists_are_shown(chat: Chat) -> None:
    """An image, the cards of one answer beside each other, an accordion."""
    chat.say("show me a picture").heard("Here is our mark.")
    expect(chat.log.get_by_role("img").locator("visible=true").first).to_be_visible()
    chat.say("show me the rooms").heard("Tower room")
    expect(chat.log.get_by_role("group", name="Garden room, Tower room")).to_be_visible()
    chat.say("common questions").heard("May I bring a dog?")
    chat.log.get_by_text("May I bring a dog?").click()
    expect(chat.log.get_by_text("Yes, gladly.")).to_be_visible()


def test_films_sounds_files_and_ratings_are_shown(chat: Chat) -> None:
    """Each has its own piece with a name; a rating is given once, and stays given after a reload."""
    chat.say("every kind of message").heard("How was it?")
    expect(chat.log.locator("video[controls]")).to_have_attribute("aria-label", "A walk through the house")
    expect(chat.log.locator("audio[controls]")).to_have_attribute("aria-label", "The bell")
    expect(chat.log.get_by_role("link", name="Download bill.pdf")).to_have_attribute("download", "")
    assert violations(chat.page) == []

    chat.click("Good").heard("Noted.").heard("With pleasure.")
    chat.reload().heard("Noted.")
    expect(chat.log.get_by_role("button", name="Bad")).to_be_disabled()


def test_the_transcript_can_be_kept(chat: Chat) -> None:
    """The download holds what was said."""
    chat.say("hello").heard("What can I do for you?")

    with chat.page.expect_download() as kept:
        chat.menu("Download transcript")

    text = kept.value.path().read_text()
    assert "You: hello" in text
    assert "Good day! What can I do for you?" in text


def test_the_transcript_waits_for_what_is_loading(page: Page, server: ChatServer) -> None:
    """Asked for while older messages are on their way, the file has everything; without them it says so."""
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
    """No sideways scrolling, at 320 pixels neither."""
    context = open_context(viewport={"width": width, "height": 640})
    chat = Chat(context.new_page()).open(server.url)
    chat.say("hello").heard("What can I do for you?")
    chat.say("show me the rooms").heard("Tower room")
    chat.say("x" * 300).said("x" * 300)

    assert chat.page.evaluate("document.documentElement.scrollWidth") <= width
    assert chat.log.evaluate("log => log.scrollWidth <= log.clientWidth")


def test_what_one_types_is_shown_also_after_a_slash(chat: Chat) -> None:
    """A typed command does its work and is seen, here and after a reload; a payload that a page sends is not."""
    chat.say("many thanks").heard("With pleasure.")
    chat.say("/restart").said("/restart")
    chat.say("/help me please").said("/help me please")
    chat.page.evaluate("document.querySelector('manent-chat').send('/thank')")
    chat.say("hello").heard("What can I do for you?")
    expect(chat.log.locator("[part~=divider]").filter(has_text="Conversation restarted")).to_have_count(1)

    chat.reload().said("/restart").said("/help me please").said("/thank", times=0)


def test_a_long_text_is_not_cut(chat: Chat) -> None:
    """All that a server takes goes through the text field; what is longer is refused visibly, not shortened."""
    chat.say("x" * 20_000)
    expect(chat.log.locator("[part~=bubble]")).to_have_text("x" * 20_000)
    chat.reload()
    expect(chat.log.locator("[part~=bubble]")).to_have_text("x" * 20_000)

    chat.say("y" * 70_000)
    expect(chat.log.get_by_text("Not sent: The message is too long.")).to_be_visible()


def test_a_draft_survives_a_reload(chat: Chat, context: BrowserContext, server: ChatServer) -> None:
    """What is half written is there again, in this tab only, until it is sent or the conversation forgotten."""
    chat.box.fill("many th")
    expect(chat.reload().box).to_have_value("many th")
    expect(Chat(context.new_page()).open(server.url).box).to_have_value("")

    chat.say("many thanks").heard("With pleasure.")
    expect(chat.reload().box).to_have_value("")

    chat.box.fill("a secret")
    chat.page.evaluate("document.querySelector('manent-chat').forget()")
    expect(chat.box).to_have_value("")
    expect(chat.reload().box).to_have_value("")
