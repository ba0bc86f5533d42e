"""Several chats on one site, chats on several subdomains, and the languages of the interface."""

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from browser.axe import violations
from browser.chat import Chat
from browser.servers import ChatServer
from browser.sites import Site


def embedded(server: ChatServer, *chats: str) -> str:
    """Return the body of a page with a chat for each list of attributes."""
    script = f'<script type="module" src="{server.url}webchat/manent-chat.js"></script>'
    return script + "".join(f"<manent-chat layout=fill {attributes}></manent-chat>" for attributes in chats)


def said_in(page: Page, number: int) -> Locator:
    """Return the visitor's messages in one of the page's chats."""
    return page.locator("manent-chat").nth(number).locator("[part~=user]")


def test_two_chats_with_different_storage_keys(page: Page, server: ChatServer, site: Site) -> None:
    """Each chat has its conversation, also after a reload and on a page with only one of them."""
    both = embedded(server, 'heading="Sales" storage-key="sales"', 'heading="Support" storage-key="support"')
    page.goto(site.page("/", both))
    for number, text in enumerate(("many thanks", "when are you open")):
        chat = page.locator("manent-chat").nth(number)
        expect(chat.locator("[part~=panel]")).to_have_attribute("data-connection", "online")
        chat.get_by_role("textbox").fill(text)
        chat.get_by_role("textbox").press("Enter")
        expect(chat.locator("[part~=bot]")).to_have_count(1)
    page.reload()
    expect(said_in(page, 0)).to_contain_text(["many thanks"])
    expect(said_in(page, 1)).to_contain_text(["when are you open"])
    ids = page.evaluate("[...document.querySelectorAll('manent-chat')].map(chat => chat.sessionId)")
    assert len(set(ids)) == 2

    page.goto(site.page("/support", embedded(server, 'heading="Support" storage-key="support"')))
    Chat(page).connected().said("when are you open").said("many thanks", times=0)


def subdomain(site: Site, name: str, body: str) -> str:
    """Add a page; return its address below a subdomain, which Chromium resolves to this machine."""
    return site.page(f"/{name}", body).replace("127.0.0.1", f"{name}.site.localhost")


def test_subdomains_share_a_conversation(context: BrowserContext, server: ChatServer, site: Site) -> None:
    """With `cookie-domain`, subdomains share and erase one conversation. Without it, each has its own."""
    shared = embedded(server, 'cookie-domain="site.localhost"')
    shop, blog = context.new_page(), context.new_page()
    shop.goto(subdomain(site, "shop", shared))
    Chat(shop).connected().say("many thanks").heard("With pleasure.")
    blog.goto(subdomain(site, "blog", shared))
    Chat(blog).connected().said("many thanks").say("when are you open").heard("Every day")
    Chat(shop).heard("Every day")
    (cookie,) = context.cookies()
    assert (cookie["domain"], cookie["sameSite"]) == (".site.localhost", "Strict")

    blog.evaluate("document.querySelector('manent-chat').forget()")
    Chat(blog).said("many thanks", times=0)
    shop.reload()
    Chat(shop).connected().said("many thanks", times=0)

    alone = context.new_page()
    alone.goto(subdomain(site, "alone", embedded(server, "")))
    Chat(alone).connected().say("many thanks").heard("With pleasure.")
    Chat(shop).said("many thanks", times=0)


def test_a_cookie_of_another_domain_is_reported(page: Page, server: ChatServer, site: Site) -> None:
    """If `cookie-domain` is not the page's domain, the console has a warning, and the chat works in this origin."""
    warnings: list[str] = []
    page.on("console", lambda line: warnings.append(line.text))
    page.goto(subdomain(site, "shop", embedded(server, 'cookie-domain="elsewhere.example"')))
    Chat(page).connected().say("many thanks").heard("With pleasure.")
    page.reload()
    Chat(page).connected().said("many thanks")

    assert [line for line in warnings if 'cookie for cookie-domain="elsewhere.example"' in line]


@pytest.mark.parametrize(
    "texts",
    [
        ('lang="he"', "כתיבת הודעה", "rtl"),
        ('lang="fa"', "پیامی بنویسید", "rtl"),
        ('lang="ru" tone="informal"', "Напиши сообщение", "ltr"),
        ('lang="es" tone="formal"', "Escriba un mensaje", "ltr"),
    ],
)
def test_languages(page: Page, server: ChatServer, site: Site, texts: tuple[str, str, str]) -> None:
    """The texts and the direction match the language and its tone, and no other language is loaded."""
    attributes, placeholder, direction = texts
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url.rpartition("/")[2]))
    page.goto(site.page("/", embedded(server, attributes)))
    chat = Chat(page).connected()
    expect(chat.box).to_have_attribute("placeholder", placeholder)
    expect(chat.panel).to_have_attribute("dir", direction)
    chat.say("hello").heard("What can I do for you?")

    language = attributes.split('"')[1]
    names = [name.split(".")[0].split("-")[0] for name in loaded if name.endswith(".js")]
    assert [name for name in names if name not in ("manent", "chat", "wire")] == [language]
    assert violations(page) == []
