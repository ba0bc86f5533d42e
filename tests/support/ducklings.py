"""A fake Duckling server on a real socket.

The server implements the part of Duckling's protocol that Rasa uses. It accepts `POST /parse` with a form (`text`,
`locale`, `dims`, `tz`, `reftime`) and returns a JSON list of `{body, start, end, dim, value}`. It finds only numbers
and the word "tomorrow".
"""

import contextlib
import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs


@dataclass
class Duckling:
    """A running server, the forms that it received, and its faults (`garbage`, a status, a delay)."""

    url: str = ""
    forms: list[dict[str, str]] = field(default_factory=list)
    garbage: bytes | None = None
    status: int = 200
    delay_s: float = 0.0


@contextlib.contextmanager
def duckling() -> Iterator[Duckling]:
    """Run a server for the duration of a test."""
    told = Duckling()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            told.forms.append({"path": self.path, **form})
            time.sleep(told.delay_s)
            content = json.dumps(_find(form)).encode() if told.garbage is None else told.garbage
            with contextlib.suppress(OSError):  # the client may have disconnected
                self.send_response(told.status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _find(form: dict[str, str]) -> list[dict[str, Any]]:
    wanted = json.loads(form.get("dims", "[]"))
    found: list[tuple[str, re.Match[str], Any]] = [
        ("time", match, form.get("tz", "UTC")) for match in re.finditer("tomorrow", form["text"])
    ]
    found += [("number", match, int(match[0])) for match in re.finditer(r"\d+", form["text"])]
    return [
        {
            "body": match[0],
            "start": match.start(),
            "end": match.end(),
            "dim": kind,
            "latent": False,
            "value": {"type": "value", "value": value},
        }
        for kind, match, value in found
        if not wanted or kind in wanted
    ]
