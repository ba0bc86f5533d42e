"""Signed-in visitors with a real server in `jwt` mode: expired tokens, other devices and signing out."""

from collections.abc import Callable

from playwright.sync_api import BrowserContext, expect

from browser.axe import violations
from browser.chat import Chat
from browser.servers import ChatServer
from browser.tokens import Tokens

Open = Callable[..., BrowserContext]


def test_a_token_that_runs_out_is_replaced_unnoticed(
    open_context: Open, jwt_server: ChatServer, tokens: Tokens
) -> None:
    """A minute before the token expires, the page requests another, and the connection stays open."""
    context = open_context()
    tokens.serve(context, "grace")
    tokens.lasts_s = 65.0  # five seconds to say something in
    page = context.new_page()
    statuses = "window.statuses = []; addEventListener('manent-status', event => statuses.push(event.detail.status))"
    page.add_init_script(statuses)
    chat = Chat(page).open(tokens.page(jwt_server)).say("many thanks").heard("With pleasure.")
    tokens.lasts_s = 300.0
    page.wait_for_function("asked === 2")

    chat.say("hello").heard("What can I do for you?")
    assert page.evaluate("statuses") == ["connecting", "online"]


def test_a_token_that_has_run_out_ends_the_connection_until_there_is_another(
    open_context: Open, jwt_server: ChatServer, tokens: Tokens
) -> None:
    """With an expired token, the chat shows an error, and continues when it gets a new token."""
    context = open_context()
    tokens.lasts_s = 2.0
    page = context.new_page()
    page.goto(
        tokens.site.page(
            "/plain",
            f'<script type="module" src="{jwt_server.url}webchat/manent-chat.js"></script>'
            f'<manent-chat server-url="{jwt_server.url}"></manent-chat>',
        )
    )
    give = "token => { const chat = document.querySelector('manent-chat'); chat.setToken(token); chat.open(); }"
    page.evaluate(give, tokens.make("edsger"))
    chat = Chat(page).connected().say("many thanks").heard("With pleasure.")
    chat.disconnected()
    expect(page.get_by_text("You have been signed out.")).to_be_visible()
    expect(page.get_by_text("The server refused the connection.")).to_be_visible()
    expect(page.get_by_text("the token has expired")).to_have_count(0)
    chat.say("hello").said("hello")

    tokens.lasts_s = 300.0
    page.evaluate(give, tokens.make("edsger"))

    chat.connected().heard("What can I do for you?").heard("With pleasure.").said("hello", times=1)
    expect(page.get_by_text("You have been signed out.")).to_have_count(0)


def test_another_device_has_the_same_conversation_and_the_earlier_ones(
    open_context: Open, jwt_server: ChatServer, tokens: Tokens
) -> None:
    """On another device, the chat shows the newest conversation and a list of the others."""
    desk, phone = open_context(), open_context(viewport={"width": 390, "height": 740})
    for context in (desk, phone):
        tokens.serve(context, "ada")
    first = Chat(desk.new_page()).open(tokens.page(jwt_server)).say("many thanks").heard("With pleasure.")
    first.menu("New conversation")
    first.page.get_by_role("button", name="Start", exact=True).click()
    first.heard("With pleasure.", times=0).say("hello").heard("What can I do for you?")

    other = Chat(phone.new_page()).open(tokens.page(jwt_server)).heard("What can I do for you?")
    other.say("when are you open").heard("Every day")
    first.heard("Every day")
    other.menu("Earlier conversations")
    expect(other.page.get_by_role("dialog", name="Earlier conversations")).to_be_visible()
    assert violations(other.page) == []
    other.page.get_by_role("dialog", name="Earlier conversations").get_by_role("button", name="With pleasure.").click()
    other.heard("With pleasure.").heard("Every day", times=0)


def test_conversations_in_which_nothing_was_said_are_not_listed(
    open_context: Open, jwt_server: ChatServer, tokens: Tokens
) -> None:
    """Empty conversations are not listed, and one that ends with an image has a name in the list."""
    context = open_context()
    tokens.serve(context, "barbara")
    chat = Chat(context.new_page()).open(tokens.page(jwt_server))
    chat.say("show me a picture").heard("Here is our mark.")
    expect(chat.log.locator("img[part~=image]")).to_be_visible()
    for _ in range(2):
        before = chat.page.evaluate("document.querySelector('manent-chat').sessionId")
        chat.menu("New conversation")
        chat.page.get_by_role("button", name="Start", exact=True).click()
        chat.page.wait_for_function("id => document.querySelector('manent-chat').sessionId !== id", arg=before)

    chat.menu("Earlier conversations")
    dialog = chat.page.get_by_role("dialog", name="Earlier conversations")
    expect(dialog.get_by_role("listitem")).to_have_count(1)
    dialog.get_by_role("button", name="More data").click()
    chat.heard("Here is our mark.")


def test_a_user_is_set_and_taken_away(open_context: Open, jwt_server: ChatServer, tokens: Tokens) -> None:
    """`setUser` signs a user in and sends the name. After `setUser(null)`, the browser has no data of the user."""
    context = open_context()
    page = context.new_page()
    page.goto(
        tokens.site.page(
            "/user",
            f'<script type="module" src="{jwt_server.url}webchat/manent-chat.js"></script>'
            f'<manent-chat server-url="{jwt_server.url}"></manent-chat>',
        )
    )
    sign_in = """token => {
      const chat = document.querySelector('manent-chat');
      return chat.setUser({ token, name: 'Alan' }).then(() => chat.open());
    }"""
    sent: list[str] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(str(frame))))
    page.evaluate(sign_in, tokens.make("alan"))
    chat = Chat(page).connected().say("many thanks").heard("With pleasure.")
    assert any('"metadata":{"user":{"name":"Alan"}}' in frame for frame in sent)

    page.evaluate("document.querySelector('manent-chat').setUser(null)")
    chat.disconnected().heard("With pleasure.", times=0)
    assert page.evaluate("Object.keys(localStorage).filter(key => key.endsWith(':session'))") == []

    page.evaluate(sign_in, tokens.make("kurt"))
    chat.connected().say("hello").heard("What can I do for you?").heard("With pleasure.", times=0)
