"""The operators' page with a desk in memory: its contents, and that no action of an operator is lost."""

import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from browser.axe import violations
from browser.desks import ADA, ME, DeskServer, Talk, sample_numbers
from support.processes import wait_for

WIDE = {"width": 1360, "height": 820}
MARKUP = "<img src=x onerror='window.attacked = true'><script>window.attacked = true</script>"

RECORD = """
window.calls = [];
window.AudioContext = class {
  constructor() { calls.push('sound'); this.currentTime = 0; this.destination = {}; }
  createOscillator() { return { frequency: { setValueAtTime() {} }, connect: node => node, start() {}, stop() {} }; }
  createGain() {
    return { gain: { setValueAtTime() {}, exponentialRampToValueAtTime() {} }, connect: node => node };
  }
};
"""


@pytest.fixture
def desk() -> Iterator[DeskServer]:
    """A desk without conversations."""
    server = DeskServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def waiting(desk: DeskServer) -> Talk:
    """A visitor who waits for an operator in the middle of a form."""
    talk = desk.talk("8f3a9c2b44d1e07a5b6c", "queue", waiting_since=time.time() - 190, labels=["urgent"])
    talk.active_loop, talk.slots = "booking_form", {"name": "Grace", "people": 4, "requested_slot": "date"}
    talk.add("user", "hello", ago=900, intent="greet", confidence=0.98)
    talk.add("bot", "Good day!", ago=898, quick_replies=[{"title": "Book a table", "payload": "/book"}])
    talk.add("user", "the day after the holiday?", ago=300, intent="inform", confidence=0.31)
    talk.add("note", "She called yesterday.", ago=250, operator=ADA)
    talk.add("event", "", ago=190, event="handoff_requested", reason="asked for a person")
    return talk


def open_desk(page: Page, desk: DeskServer) -> Page:
    """Open the page, wait until it is connected, and collect violations of its content security policy."""
    page.on("console", lambda said: pytest.fail(said.text) if "Content Security" in said.text else None)
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.goto(desk.url)
    expect(page.get_by_role("navigation")).to_be_visible()
    expect(page.get_by_text("No connection.")).to_have_count(0)
    return page


def choose(page: Page, name: str) -> None:
    """Open a conversation from the list."""
    page.get_by_role("region", name="Conversations").get_by_role("button", name=name).click()
    expect(page.get_by_role("log")).to_be_visible()


@pytest.fixture
def page(open_context: Callable[..., BrowserContext]) -> Page:
    """A tab of an operator."""
    return open_context(viewport=WIDE).new_page()


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_axe_finds_nothing_in_any_state(
    open_context: Callable[..., BrowserContext], desk: DeskServer, scheme: str
) -> None:
    """Axe finds no violation on any tab, in dialogs, with warnings and rejected messages, and offline."""
    page = open_context(viewport=WIDE, color_scheme=scheme).new_page()
    open_desk(page, desk)
    expect(page.get_by_text("Nobody is waiting.")).to_be_visible()
    assert violations(page) == []

    talk = desk.talk("8f3a9c2b44d1e07a5b6c", labels=["urgent"], slots={"people": 4}, active_loop="booking_form")
    talk.add("user", "hello", intent="greet", confidence=0.2)
    talk.add("bot", "For which **date**?")
    talk.add("note", "She called.", operator=ADA)
    desk.queue(talk)
    choose(page, "Visitor 8f3a")
    desk.tell("typing", {"sender_id": talk.sender_id, "operator": ADA, "on": True})
    desk.tell("typing", {"sender_id": talk.sender_id, "on": True})
    expect(page.get_by_text("Ada is typing a reply")).to_be_visible()
    assert violations(page) == []

    page.keyboard.press("t")
    expect(page.get_by_text("You answer")).to_be_visible()
    page.locator("#reply").fill("/")
    expect(page.get_by_text("/hours")).to_be_visible()
    assert violations(page) == []
    page.locator("#reply").fill("")
    page.keyboard.press("Escape")
    for key, title in (("?", "Keyboard shortcuts"), ("b", "Hand back to the bot?")):
        page.keyboard.press(key)
        expect(page.get_by_role("dialog", name=title)).to_be_visible()
        assert violations(page) == [], title
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    for name, title in (("Assign", "Assign to"), ("Close conversation", "Close this conversation?")):
        page.get_by_role("button", name=name, exact=True).click()
        expect(page.get_by_role("dialog", name=title)).to_be_visible()
        assert violations(page) == [], title
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Menu: Me Myself").click()
    expect(page.get_by_role("menu")).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("Escape")

    desk.unreviewed = [
        {"text": "my key", "intent": "greet", "confidence": 0.3, "count": 2, "sender_id": talk.sender_id}
    ]
    desk.numbers = sample_numbers()
    page.get_by_role("button", name="Search", exact=True).click()
    page.get_by_role("searchbox").fill("hello")
    expect(page.get_by_text("1 found")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_text("my key")).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("c")
    expect(page.get_by_label("Correct intent")).to_be_focused()
    assert violations(page) == []
    page.get_by_role("button", name="Numbers").click()
    expect(page.get_by_text("1,463")).to_be_visible()
    assert violations(page) == []

    page.get_by_role("button", name="Inbox").click()
    desk.failing = ""
    desk.cut()
    expect(page.get_by_text("No connection.")).to_be_visible()
    page.locator("#reply").fill("still here")
    page.keyboard.press("Enter")
    expect(page.get_by_role("img", name="Sending")).to_be_visible()
    assert violations(page) == []


@pytest.mark.usefixtures("waiting")
def test_an_operator_works_with_the_keyboard_alone(page: Page, desk: DeskServer) -> None:
    """An operator can choose, take, answer, return and search conversations with single keys."""
    desk.talk("barbara@example.com", "queue", waiting_since=time.time()).add("user", "my invoice")
    open_desk(page, desk)
    expect(page.get_by_role("region", name="Conversations").get_by_role("listitem")).to_have_count(2)
    page.keyboard.press("j")
    expect(page.get_by_role("heading", name="Visitor 8f3a")).to_be_visible()
    expect(page.get_by_text("The bot asks for date")).to_be_visible()
    expect(page.get_by_text("inform 31 %")).to_be_visible()
    page.keyboard.press("j")
    expect(page.get_by_role("heading", name="barbara@example.com")).to_be_visible()
    page.keyboard.press("k")
    page.keyboard.press("t")
    expect(page.get_by_text("You answer")).to_be_visible()
    expect(page.get_by_role("textbox", name="Reply to the visitor")).to_be_focused()
    page.keyboard.type("Good morning jkrtb")
    page.keyboard.press("Enter")
    expect(page.get_by_role("log").get_by_text("Good morning jkrtb")).to_have_count(1)
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    page.get_by_role("dialog").get_by_label("Note for colleagues").fill("Has her table.")
    page.get_by_role("dialog").get_by_role("button", name="Hand back").click()
    expect(page.get_by_text("The bot answers")).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("invoice")
    page.get_by_role("button", name="my invoice").click()

    expect(page.get_by_role("heading", name="barbara@example.com")).to_be_visible()
    assert desk.done("hand_back") == [{"note": "Has her table."}]
    [said] = desk.done("say")
    assert said["text"] == "Good morning jkrtb"


def test_a_new_queue_entry_calls_in_one_tab(open_context: Callable[..., BrowserContext], desk: DeskServer) -> None:
    """A visitor who waits is shown in each tab, and one tab makes one sound."""
    context = open_context(viewport=WIDE)
    context.add_init_script(RECORD)
    pages = [open_desk(context.new_page(), desk) for _ in range(2)]
    talk = desk.talk("visitor")
    talk.add("user", "help")
    began = time.monotonic()
    desk.queue(talk)
    for page in pages:
        expect(page.get_by_role("button", name="visitor")).to_be_visible()
    took = time.monotonic() - began
    pages[0].wait_for_timeout(700)  # a second sound would come in this time

    assert took < 1
    assert sum(len(page.evaluate("calls")) for page in pages) == 1


@pytest.mark.usefixtures("waiting")
def test_an_outage_loses_neither_a_draft_nor_a_click(page: Page, desk: DeskServer) -> None:
    """A reload keeps the draft and unsent messages, and the server gets each action once."""
    open_desk(page, desk)
    choose(page, "Visitor 8f3a")
    desk.failing = ""
    desk.cut()
    expect(page.get_by_text("No connection.")).to_be_visible()
    page.get_by_role("button", name="Take", exact=True).click()
    reply = page.locator("#reply")
    reply.fill("I am here")
    reply.press("Enter")
    reply.fill("and my next sentence")
    assert {name for name, _ in desk.requests} <= {"read"}

    desk.failing = None
    expect(page.get_by_text("You answer")).to_be_visible()
    expect(page.get_by_role("log").get_by_text("I am here")).to_have_count(1)
    expect(page.get_by_role("img", name="Sending")).to_have_count(0)
    expect(reply).to_have_value("and my next sentence")
    assert [name for name, _ in desk.requests if name in ("take", "say")] == ["take", "say"]

    desk.failing = "say"
    reply.press("Enter")
    expect(page.get_by_role("img", name="Sending")).to_be_visible()
    reply.fill("a draft")
    page.reload()
    page.get_by_role("button", name="Mine").click()
    choose(page, "Visitor 8f3a")
    expect(page.locator("#reply")).to_have_value("a draft")
    expect(page.get_by_role("img", name="Sending")).to_be_visible()
    desk.failing = None
    expect(page.get_by_role("img", name="Sending")).to_have_count(0)
    expect(page.get_by_role("log").get_by_text("and my next sentence")).to_have_count(1)
    assert len({body["message_id"] for body in desk.done("say")}) == len(desk.done("say")) == 2


def test_a_lost_answer_is_not_a_second_message(page: Page, desk: DeskServer, waiting: Talk) -> None:
    """If the answer is lost, the page sends the message again with the same id."""
    open_desk(page, desk)
    choose(page, "Visitor 8f3a")
    lost: list[str] = []

    def lose_once(route: object) -> None:
        route.fetch() if not lost else None  # type: ignore[attr-defined]
        if lost:
            route.continue_()  # type: ignore[attr-defined]
        else:
            lost.append("answer")
            route.abort()  # type: ignore[attr-defined]

    page.route("**/say", lose_once)
    page.locator("#reply").fill("once")
    page.locator("#reply").press("Enter")
    expect(page.get_by_role("img", name="Sending")).to_have_count(0)

    expect(page.get_by_role("log").get_by_text("once", exact=True)).to_have_count(1)
    assert len(desk.done("say")) == 2
    assert len({body["message_id"] for body in desk.done("say")}) == 1
    assert [one["text"] for one in waiting.messages if one["role"] == "agent"] == ["once"]


def test_missed_events_come_after_an_outage(page: Page, desk: DeskServer, waiting: Talk) -> None:
    """The event stream resumes where it ended. After a reset, the page loads all data again."""
    open_desk(page, desk)
    choose(page, "Visitor 8f3a")
    desk.cut()
    desk.says(waiting, "user", "are you there?")
    expect(page.get_by_role("log").get_by_text("are you there?")).to_have_count(1)
    waiting.add("user", "only in the log")
    desk.tell("reset", {})

    expect(page.get_by_role("log").get_by_text("only in the log")).to_have_count(1)
    expect(page.get_by_role("region", name="Conversations").get_by_role("listitem")).to_have_count(1)


def test_a_collision_is_shown_before_it_happens(page: Page, desk: DeskServer, waiting: Talk) -> None:
    """An operator sees that another operator types, has the conversation, or was faster."""
    open_desk(page, desk)
    choose(page, "Visitor 8f3a")
    desk.tell("presence", {"operators": [ME, {**ADA, "viewing": waiting.sender_id}]})
    expect(page.get_by_text("Ada has this conversation open.")).to_be_visible()
    desk.tell("typing", {"sender_id": waiting.sender_id, "operator": ADA, "on": True})
    expect(page.get_by_text("Ada is typing a reply in this conversation.")).to_be_visible()
    waiting.handler, waiting.operator = "human", ADA  # the event has not arrived yet
    page.get_by_role("button", name="Take", exact=True).click()
    expect(page.get_by_text("Ada was faster and has this conversation.")).to_be_visible()
    expect(page.locator("#reply")).not_to_be_editable()
    page.get_by_role("button", name="Take over").click()

    expect(page.get_by_text("You answer")).to_be_visible()
    assert desk.done("assign") == [{"operator": "me"}]


def test_both_sides_see_each_other_type(page: Page, desk: DeskServer, waiting: Talk) -> None:
    """The page reports once that the operator types, and once that the field is empty again."""
    open_desk(page, desk)
    choose(page, "Visitor 8f3a")
    desk.tell("typing", {"sender_id": waiting.sender_id, "on": True})
    expect(page.get_by_text("The visitor is typing")).to_be_attached()
    page.locator("#reply").press_sequentially("hel")
    page.locator("#reply").fill("")
    wait_for(lambda: len(desk.done("typing")) >= 2, "the end of typing")
    page.wait_for_timeout(200)  # a third request would come in this time

    assert desk.done("typing") == [{"on": True}, {"on": False}]


def test_markup_of_visitors_and_operators_is_text(page: Page, desk: DeskServer) -> None:
    """Markup in ids, messages, slots, labels, notes, names, reasons, intents and snippets is never executed."""
    talk = desk.talk(MARKUP, "queue", waiting_since=time.time(), labels=[MARKUP], channel=MARKUP)
    talk.slots, talk.active_loop = {MARKUP: MARKUP}, MARKUP
    talk.add("user", MARKUP, intent=MARKUP, confidence=0.4)
    talk.add(
        "bot", f"{MARKUP} [a](javascript:window.attacked=true)", quick_replies=[{"title": MARKUP, "payload": "/x"}]
    )
    talk.add("agent", MARKUP, operator={"id": "x", "name": MARKUP, "avatar": "javascript:window.attacked=true"})
    talk.add("note", MARKUP, operator={"id": "x", "name": MARKUP})
    talk.add("event", "", event="handoff_requested", reason=MARKUP)
    talk.add("event", "", event="rated", score=1, comment=MARKUP)
    desk.canned = {"x": MARKUP}
    desk.unreviewed = [{"text": MARKUP, "intent": MARKUP, "confidence": 0.3, "count": 1, "sender_id": MARKUP}]
    open_desk(page, desk)
    page.get_by_role("region", name="Conversations").get_by_role("listitem").get_by_role("button").click()
    expect(page.get_by_role("log").get_by_text(MARKUP).first).to_be_visible()
    desk.tell("typing", {"sender_id": MARKUP, "operator": {"id": "x", "name": MARKUP}, "on": True})
    expect(page.get_by_text("is typing a reply")).to_be_visible()
    page.locator("#reply").fill("/x")
    for name in ("Search", "Review"):
        page.get_by_role("button", name=name, exact=True).click()
        if name == "Search":
            page.get_by_role("searchbox").fill("img")
            expect(page.get_by_text("found")).to_be_visible()
        assert page.locator("main [onerror], main script, main a[href^=javascript]").count() == 0

    assert page.evaluate("window.attacked") is None


def test_nobody_is_signed_in(page: Page, desk: DeskServer) -> None:
    """The page explains how to sign in, starts when a session begins, and stops when it ends."""
    desk.role = None
    page.goto(desk.url)
    expect(page.get_by_role("heading", name="You are not signed in")).to_be_visible()
    expect(page.get_by_role("link", name="Sign in")).to_have_attribute("href", desk.url + "/sign-in")
    assert violations(page) == []
    desk.role = "operator"
    page.reload()
    expect(page.get_by_text("Nobody is waiting.")).to_be_visible()
    expect(page.get_by_role("button", name="Review")).to_have_count(0)

    page.get_by_role("button", name="Menu: Me Myself").click()
    page.get_by_role("menuitem", name="Sign out").click()
    expect(page.get_by_role("heading", name="You are not signed in")).to_be_visible()


@pytest.mark.usefixtures("waiting")
def test_a_viewer_reads_only(page: Page, desk: DeskServer) -> None:
    """A viewer has no button or key that changes a conversation."""
    desk.role = "viewer"
    open_desk(page, desk)
    choose(page, "Visitor 8f3a")
    expect(page.get_by_text("You can read this conversation, but not answer.")).to_be_visible()
    for key in "tbr":
        page.keyboard.press(key)
    page.wait_for_timeout(200)

    assert {name for name, _ in desk.requests} <= {"read"}


def test_the_list_can_be_filtered(page: Page, desk: DeskServer) -> None:
    """Label, channel, operator and days filter the list together, and the filter can be cleared."""
    one = desk.talk("one", "human", labels=["vip"], channel="rest", operator=ADA)
    two = desk.talk("two", "human", labels=["vip"], channel="telegram", operator=ME)
    three = desk.talk("three", labels=["late"], channel="rest")
    for talk in (one, two, three):
        talk.add("user", "hello", ago=60)
    open_desk(page, desk)
    rows = page.get_by_role("region", name="Conversations").get_by_role("listitem")
    page.get_by_role("button", name="All", exact=True).click()
    expect(rows).to_have_count(3)
    page.get_by_text("Filter", exact=True).click()
    assert violations(page) == []

    def enter(field: str, text: str) -> None:
        page.get_by_label(field, exact=True).fill(text)
        page.get_by_label(field, exact=True).press("Enter")

    enter("Label", "vip")
    expect(rows).to_have_count(2)
    enter("Channel", "rest")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("one")
    page.get_by_label("Operator", exact=True).select_option("Me Myself")
    expect(page.get_by_text("No conversation matches the filter.")).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    expect(rows).to_have_count(3)
    page.get_by_label("Operator", exact=True).select_option("Me Myself")
    expect(rows).to_have_count(1)
    page.get_by_role("button", name="Clear").click()
    enter("To", "2020-01-31")
    expect(page.get_by_text("No conversation matches the filter.")).to_be_visible()
    enter("From", "2020-01-01")
    enter("To", "2050-01-31")
    expect(rows).to_have_count(3)


def test_labels_notes_and_canned_replies(page: Page, desk: DeskServer, waiting: Talk) -> None:
    """Operators can add labels and notes and use canned replies."""
    open_desk(page, desk)
    choose(page, "Visitor 8f3a")
    page.get_by_role("combobox", name="Add a label").fill("vip")
    page.get_by_role("combobox", name="Add a label").press("Enter")
    page.get_by_role("button", name="Remove label urgent").click()
    page.get_by_role("textbox", name="Write a note").fill("Call her back.")
    page.get_by_role("complementary").get_by_role("button", name="Add").last.click()
    expect(page.get_by_role("log").get_by_text("Call her back.")).to_be_visible()
    expect(page.get_by_role("complementary").get_by_text("vip")).to_be_visible()
    expect(page.get_by_role("complementary").get_by_text("urgent")).to_have_count(0)
    page.locator("#reply").fill("/ho")
    page.locator("#reply").press("Enter")
    expect(page.locator("#reply")).to_have_value("We are open from 9 to 18, Grace.")
    page.get_by_role("button", name="Save this draft as a canned reply").click()
    page.get_by_role("dialog").get_by_label("Short name").fill("grace")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    page.locator("#reply").fill("/gr")

    expect(page.get_by_role("button", name="/grace")).to_be_visible()
    assert waiting.labels == ["vip"]


def test_texts_are_reviewed_with_one_key_each(page: Page, desk: DeskServer) -> None:
    """Enter confirms, c corrects and x discards a text. If the decision is not stored, the text is shown again."""
    desk.unreviewed = [
        {"text": text, "intent": "greet", "confidence": 0.3, "count": 1, "entities": [], "sender_id": "v"}
        for text in ("one", "two", "three", "four")
    ]

    def stored(count: int) -> None:  # The page shows the next text before the server has answered.
        wait_for(lambda: len(desk.done("annotations")) == count, f"{count} stored decisions")

    open_desk(page, desk)
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_text("one", exact=True)).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_text("two", exact=True)).to_be_visible()
    stored(1)
    page.keyboard.press("c")
    expect(page.locator("input:focus")).to_be_visible()
    page.keyboard.type("hours")
    page.keyboard.press("Enter")
    expect(page.get_by_text("three", exact=True)).to_be_visible()
    stored(2)
    page.keyboard.press("x")
    expect(page.get_by_text("four", exact=True)).to_be_visible()
    stored(3)
    desk.failing = "annotations"
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_text("four", exact=True)).to_be_visible()
    desk.failing = None
    page.keyboard.press("Enter")
    expect(page.get_by_text("Everything is reviewed.")).to_be_visible()
    stored(4)

    decided = [(body["text"], body["intent"]) for body in desk.done("annotations")]
    assert decided == [("one", "greet"), ("two", "hours"), ("three", None), ("four", "greet")]


def test_numbers_can_be_copied(page: Page, desk: DeskServer) -> None:
    """The table can be copied in a form that spreadsheets read."""
    desk.numbers = sample_numbers()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_desk(page, desk)
    page.get_by_role("button", name="Numbers").click()
    page.get_by_role("button", name="Copy table").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    lines = page.evaluate("navigator.clipboard.readText()").split("\n")

    assert len(lines) == 29
    assert {line.count("\t") for line in lines} == {11}


@pytest.mark.usefixtures("waiting")
def test_it_works_on_a_phone(open_context: Callable[..., BrowserContext], desk: DeskServer) -> None:
    """At 360 pixels, the page shows one pane at a time and does not scroll sideways, and axe finds no violation."""
    page = open_context(viewport={"width": 360, "height": 640}, has_touch=True).new_page()
    open_desk(page, desk)
    assert violations(page) == []
    choose(page, "Visitor 8f3a")
    expect(page.get_by_role("region", name="Conversations")).to_have_count(0)
    expect(page.get_by_role("button", name="Take", exact=True)).to_be_in_viewport()
    assert violations(page) == []
    page.get_by_role("button", name="Details").click()
    expect(page.get_by_text("The bot asks for date")).to_be_in_viewport()
    assert violations(page) == []
    page.get_by_role("complementary").get_by_role("button", name="Close", exact=True).click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("button", name="Back to the list").click()

    expect(page.get_by_role("region", name="Conversations")).to_be_visible()


def test_files_of_visitors_can_be_opened(page: Page, desk: DeskServer, waiting: Talk) -> None:
    """An image is shown, and another file is a link. A script or a missing address makes no link."""
    files = [
        {"file_id": "1", "name": "door.png", "mime": "image/png", "size": 9, "url": "/files/1?key=x"},
        {"file_id": "2", "name": "bill.pdf", "mime": "application/pdf", "size": 9, "url": "/files/2?key=x"},
        {"file_id": "3", "name": "old.pdf", "mime": "application/pdf", "size": 9},
        {"file_id": "4", "name": "bad.pdf", "mime": "application/pdf", "size": 9, "url": "javascript:attack()"},
    ]
    waiting.add("user", "", attachments=files)
    open_desk(page, desk)
    choose(page, "Visitor 8f3a")
    log = page.get_by_role("log")
    root = f"http://127.0.0.1:{desk.port}/"
    expect(log.get_by_role("link", name="door.png")).to_have_attribute("href", f"{root}files/1?key=x")
    expect(log.get_by_role("link", name="Download bill.pdf")).to_have_attribute("href", f"{root}files/2?key=x")
    expect(log.get_by_text("old.pdf")).to_be_visible()
    expect(log.get_by_text("bad.pdf")).to_be_visible()

    assert log.locator("a[href^=javascript]").count() == 0


def test_right_to_left(open_context: Callable[..., BrowserContext], desk: DeskServer, waiting: Talk) -> None:
    """In Arabic, the panes are mirrored, and English sentences stay left to right."""
    page = open_context(viewport=WIDE, locale="ar").new_page()
    page.goto(desk.url)
    page.get_by_role("button", name="8f3a").click()
    expect(page.get_by_text("يسأل البوت عن date")).to_be_visible()
    desk.says(waiting, "agent", "On its way", operator=ADA)
    theirs = page.get_by_role("log").get_by_text("the day after the holiday?").bounding_box()
    ours = page.get_by_role("log").get_by_text("On its way").bounding_box()

    assert theirs is not None
    assert ours is not None
    assert ours["x"] < theirs["x"]
    assert violations(page) == []


def test_older_messages_load_in_place(page: Page, desk: DeskServer) -> None:
    """A long conversation opens at its end. Scrolling up loads more and keeps the position."""
    talk = desk.talk("visitor", "queue", waiting_since=time.time())
    for number in range(130):
        talk.add("user", f"message {number}")
    open_desk(page, desk)
    choose(page, "visitor")
    expect(page.get_by_role("log").get_by_text("message 129", exact=True)).to_be_in_viewport()
    page.get_by_role("log").evaluate("log => log.scrollTop = 0")
    expect(page.get_by_text("message 40", exact=True)).to_be_attached()
    expect(page.get_by_text("message 80", exact=True)).to_be_in_viewport()
    desk.says(talk, "user", "newest")

    expect(page.get_by_role("log").get_by_text("newest", exact=True)).to_be_attached()
    expect(page.get_by_text("message 80", exact=True)).to_be_in_viewport()
