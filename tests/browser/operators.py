"""Adds an operator's events to the WebSocket frames of a real server."""

import json
from typing import Any

from playwright.sync_api import Page, WebSocketRoute

ADA = {"id": "ada", "name": "Ada"}


class Operator:
    """Sends the events of protocol 1 that come from an operator. Create it before the page is opened."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[Any] = []
        self._socket: WebSocketRoute | None = None
        page.route_web_socket("**/socket.io/**", self._connect)

    def joins(self) -> None:
        """Take over the conversation."""
        self.send("handler_changed", {"handler": "human", "operator": ADA})

    def types(self) -> None:
        """Start to type."""
        self.send("agent_typing", {"on": True})

    def says(self, text: str) -> None:
        """Send a message, which follows the newest message of the page."""
        newest = "document.querySelector('manent-chat').messages.at(-1)"
        seq, timestamp = self.page.evaluate(f"[{newest}?.seq ?? 0, Date.now() / 1000]")
        message = {"seq": seq + 1, "id": f"{seq + 1}.0", "parts": 1, "prev": seq, "timestamp": timestamp}
        self.send("agent_uttered", {**message, "text": text, "operator": ADA})

    def leaves(self, *, rate: bool = False) -> None:
        """Return the conversation to the bot."""
        self.send("handler_changed", {"handler": "bot"} | ({"rate": True} if rate else {}))

    def send(self, event: str, payload: dict[str, Any]) -> None:
        """Send an event to the page."""
        assert self._socket is not None, "the page uses no WebSocket"
        self._socket.send(f"42{json.dumps([event, payload])}")

    def requested(self, event: str) -> list[Any]:
        """Return the payloads of the page's requests with this name."""
        return [payload for name, payload in self.requests if name == event]

    def _connect(self, socket: WebSocketRoute) -> None:
        self._socket = socket
        server = socket.connect_to_server()

        def from_page(frame: str | bytes) -> None:
            if isinstance(frame, str) and frame.startswith("42"):
                self.requests.append(json.loads(frame[frame.index("[") :]))
            server.send(frame)

        socket.on_message(from_page)
        server.on_message(socket.send)
