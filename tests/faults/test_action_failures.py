"""An action server that fails in the middle of a form: real processes, and a proxy between them that misbehaves."""

import contextlib
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from journeys.conftest import serve  # noqa: F401  # a fixture
from support import newsletter
from support.once import trained
from support.ports import free_port
from support.processes import Server

Serve = Callable[..., Server]

TIMEOUT_S = 2.0


class Proxy:
    """Stands before the action server. `fault` is what it does instead of passing a call on; None passes it on."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.port = free_port()
        self.fault: str | None = None
        self.keys: list[str | None] = []
        self._server: ThreadingHTTPServer | None = None
        self.start()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}/webhook"

    def start(self) -> None:
        """Listen."""
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                proxy.keys.append(self.headers.get("Idempotency-Key"))
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with contextlib.suppress(OSError):
                    self.answer(*proxy.answer(body))

            def answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                # Each fault comes and goes: nobody keeps a connection to what was there before.
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Listen no more: connections are refused."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def answer(self, body: bytes) -> tuple[int, bytes]:
        """Return status and body for one call."""
        match self.fault:
            case "slow":
                time.sleep(TIMEOUT_S + 0.5)
                return 200, b'{"events": [], "responses": []}'
            case "status 500":
                return 500, b'{"error": "no disk space", "request_body": {}}'
            case "status 404":
                return 404, b'{"error": "no such action", "action_name": "?"}'
            case "not JSON":
                return 200, b"<h1>Welcome to nginx!</h1>"
            case "wrong shape":
                return 200, b'{"events": [{"event": "slot"}], "responses": "hello"}'
        request = urllib.request.Request(self.upstream, data=body)  # noqa: S310  # our own server
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # our own server
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    @contextlib.contextmanager
    def failing(self, fault: str) -> Iterator[None]:
        """Misbehave for a while."""
        if fault == "down":
            self.stop()
        self.fault = fault
        try:
            yield
        finally:
            self.fault = None
            if fault == "down":
                self.start()


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """The example's action server, with the proxy before it."""
    example = trained(newsletter.EXAMPLE, tmp_path_factory)
    with newsletter.actions_of(example) as url:
        standing = Proxy(url)
        yield standing
        standing.stop()


@pytest.fixture
def server(proxy: Proxy, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, serve: Serve) -> Server:  # noqa: F811
    """The example, which calls its actions through the proxy."""
    example = trained(newsletter.EXAMPLE, tmp_path_factory)
    project = newsletter.copied(example, tmp_path / "project", actions=proxy.url, timeout_s=TIMEOUT_S)
    return serve(project, "--enable-api")


def texts(replies: list[dict[str, Any]]) -> list[str]:
    """The texts of some replies."""
    return [reply["text"] for reply in replies if "text" in reply]


def tracker(server: Server, sender: str) -> dict[str, Any]:
    """What the server knows of a conversation."""
    read: dict[str, Any] = json.loads(server.get(f"/conversations/{sender}/tracker")[1])
    return read


FAULTS = ["down", "slow", "status 500", "status 404", "not JSON", "wrong shape"]


def test_a_failure_in_the_middle_of_the_form(server: Server, proxy: Proxy) -> None:
    """The visitor is told, nothing of the answer is kept or submitted, and the form goes on when the server is back."""
    for fault in FAULTS:
        server.say("subscribe me", sender=fault)
        server.say("ada@example.org", sender=fault)
        with proxy.failing(fault):
            failed = server.say("weekly", sender=fault)
        during = tracker(server, fault.replace(" ", "%20"))

        assert texts(failed) == [
            "Our shed door is stuck, so I couldn't do that. Nothing is lost: please try again in a moment."
        ], fault
        assert during["active_loop"]["name"] == "newsletter_form", fault
        assert during["slots"]["requested_slot"] == "frequency", fault
        assert during["slots"]["frequency"] is None, fault
        assert during["slots"]["email"] == "ada@example.org", fault
        assert during["slots"]["subscribed"] is False, fault
        assert during["latest_action_name"] == "action_listen", fault

        assert "notification" in texts(server.say("weekly", sender=fault))[0], fault
        server.say("no", sender=fault)
        done = texts(server.say("no", sender=fault))
        assert done == ["Done! The letter goes to ada@example.org, once a week."], fault


def test_a_failure_of_the_submission(server: Server, proxy: Proxy) -> None:
    """The form is complete, its submission fails: nobody is told that they are subscribed, and it can be done again."""
    for said in ("subscribe me", "ada@example.org", "weekly", "no"):
        server.say(said, sender="last")
    passed = len(proxy.keys)

    def fail_submission(body: bytes) -> tuple[int, bytes]:
        if b'"next_action":"action_subscribe"' in body:
            return 500, b'{"error": "mailing list full"}'
        return Proxy.answer(proxy, body)

    proxy.answer = fail_submission  # type: ignore[method-assign]
    failed = server.say("no", sender="last")
    del proxy.answer
    after = tracker(server, "last")

    assert len(proxy.keys) > passed
    assert not any("Done!" in text for text in texts(failed))
    assert any("stuck" in text for text in texts(failed))
    assert after["slots"]["subscribed"] is False

    assert any("Done!" in text for text in texts(server.say("subscribe me", sender="last")))


def test_every_call_has_a_key(server: Server, proxy: Proxy) -> None:
    """Each call carries an idempotency key, and no key of one turn comes again in another."""
    turns: list[set[str | None]] = []
    for said in ("subscribe me", "ada@example.org", "weekly", "no", "no"):
        before = len(proxy.keys)
        server.say(said, sender="keys")
        turns.append(set(proxy.keys[before:]))

    assert all(turns)
    assert None not in set.union(*turns)
    assert sum(map(len, turns)) == len(set.union(*turns))
    assert [key for key in turns[-1] if key and key.endswith(":action_subscribe")]


def test_other_conversations_do_not_wait(server: Server, proxy: Proxy) -> None:
    """While one conversation waits for a slow action, another one is answered."""
    server.say("subscribe me", sender="waits")
    with proxy.failing("slow"):
        waiting = threading.Thread(target=server.say, args=("ada@example.org",), kwargs={"sender": "waits"})
        waiting.start()
        time.sleep(0.2)
        started = time.monotonic()
        answered = texts(server.say("hi", sender="hurries"))
        took = time.monotonic() - started
        was_waiting = waiting.is_alive()
        waiting.join()

    assert answered[0].startswith("Hello")
    assert was_waiting
    assert took < TIMEOUT_S / 2
