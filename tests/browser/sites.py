"""Sites that embed the chat: a web server with another origin."""

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

VIEWPORT = "<meta name='viewport' content='width=device-width, initial-scale=1'>"


@dataclass
class Site:
    """A site with a few pages.

    Attributes:
        pages: body by path, each served as HTML, or as JavaScript when the path ends in `.js`.
    """

    pages: dict[str, str | bytes] = field(default_factory=dict)

    def __enter__(self) -> Self:
        pages = self.pages

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = pages.get(self.path)
                self.send_response(404 if body is None else 200)
                kind = "text/javascript" if self.path.endswith(".js") else "text/html"
                self.send_header("Content-Type", f"{kind}; charset=utf-8")
                self.end_headers()
                self.wfile.write(body.encode() if isinstance(body, str) else body or b"")

            def log_message(self, *_: object) -> None:
                """Write no log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Address of the site's root."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def page(self, path: str, body: str) -> str:
        """Add a page; return its address."""
        main = f"<main><h1>A site</h1>{body}</main>"
        self.pages[path] = f"<!doctype html><html lang='en'><title>A site</title>{VIEWPORT}<body>{main}</body></html>"
        return self.url.rstrip("/") + path
