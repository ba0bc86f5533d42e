"""A site whose visitors are signed in with JSON web tokens."""

import time
from dataclasses import dataclass

import jwt
from playwright.sync_api import BrowserContext

from browser.servers import ChatServer
from browser.sites import Site

KEY = "a key that the site and the bot share, for tests"


@dataclass
class Tokens:
    """The signed-in visitor and the lifetime of the tokens.

    Attributes:
        site: where the pages are.
        lasts_s: how long the next token holds.
    """

    site: Site
    lasts_s: float = 300.0

    def make(self, subject: str) -> str:
        """Sign a token."""
        return jwt.encode({"sub": subject, "exp": time.time() + self.lasts_s}, KEY, algorithm="HS256")

    def serve(self, context: BrowserContext, subject: str) -> None:
        """Let the pages of a visitor fetch tokens that expire after `lasts_s`."""
        context.expose_function("freshToken", lambda: self.make(subject))

    def page(self, server: ChatServer) -> str:
        """Return the address of a page with the chat. In it, `asked` counts the tokens that were fetched."""
        return self.site.page(
            "/member",
            f"""<script type="module">
              import "{server.url}webchat/manent-chat.js";
              const chat = document.querySelector("manent-chat");
              window.asked = 0;
              chat.setToken(() => {{ window.asked += 1; return freshToken(); }});
            </script>
            <manent-chat heading="Ask us" server-url="{server.url}" open conversations></manent-chat>""",
        )
