"""Chatwoot's Application API and webhooks for an inbox of the type *API*, as developers.chatwoot.com describes them.

Webhooks are signed and sent once: Chatwoot does not repeat them. Other than Chatwoot, it rejects unknown parameters.
"""

import asyncio
import contextlib
import hashlib
import hmac
import json
import socket
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp
from aiohttp import web

from support.listening import stop_accepting
from support.platforms.platform import only

TOKEN = "the-access-token-of-an-agent"  # noqa: S105  # a made-up one
SECRET = "the-secret-of-the-inbox"  # noqa: S105  # a made-up one
ACCOUNT, INBOX = 3, 7
BOT = {"id": 1, "name": "Manent", "type": "user"}

Fault = Literal["down", "cut"]
"""What the next change ends in: an error before it, or a broken connection after it."""

ADA = {
    "id": 11,
    "name": "Ada",
    "available_name": "Ada L.",
    "type": "user",
    "thumbnail": "https://pictures.example/a.png",
}
BOB = {"id": 12, "name": "Bob", "available_name": "Bob", "type": "user", "thumbnail": ""}


@dataclass
class Remote:
    """A conversation in Chatwoot."""

    id: int
    contact: dict[str, Any]
    status: str
    custom_attributes: dict[str, Any]
    assignee: dict[str, Any] | None = None
    messages: list[dict[str, Any]] = field(default_factory=list)

    def shown(self) -> list[tuple[str, str]]:
        """Return who wrote what, oldest first. The bot's messages are of `bot`."""
        kinds = {0: "visitor", 1: "agent", 2: "activity"}
        return [
            ("bot" if one.get("source_id") and one["message_type"] == 1 else kinds[one["message_type"]], one["content"])
            for one in self.messages
            if not one["private"]
        ]


class Chatwoot:
    """A Chatwoot with one account and one inbox.

    Attributes:
        url: its address.
        webhook_url: where it sends webhooks. "": nowhere.
        faults: what the next changes of conversations end in.
        broken: status of every request about a conversation, by its id.
        refused: identifiers of contacts that it does not create, and texts of messages that it does not accept.
        rejected: requests that a correct client never sends.
        changes: number of requests that changed something.
        stalled: ids of conversations about which no request is answered.
        waiting: number of requests that are not answered for this reason.
        on_show: called once, before the answer to the next request for a conversation is sent.
        requests: number of requests by method and path below the account.
    """

    def __init__(self) -> None:
        self.url = ""
        self.webhook_url = ""
        self.contacts: list[dict[str, Any]] = []
        self.conversations: dict[int, Remote] = {}
        self.faults: deque[Fault] = deque()
        self.broken: dict[int, int] = {}
        self.refused: set[str] = set()
        self.stalled: set[int] = set()
        self.waiting = 0
        self.on_show: Callable[[], None] | None = None
        self.requests: Counter[tuple[str, str]] = Counter()
        self.rejected: list[str] = []
        self.changes = 0
        self.failed_webhooks = 0
        self._last_id = 100
        self._webhooks: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def options(self) -> str:
        """Return the option of `desk` in endpoints.yml."""
        return (
            f"  chatwoot:\n    url: {self.url}\n    account_id: {ACCOUNT}\n    inbox_id: {INBOX}\n"
            f"    access_token: {TOKEN}\n    webhook_secret: {SECRET}\n"
        )

    @property
    def only(self) -> Remote:
        """The only conversation."""
        [found] = self.conversations.values()
        return found

    # what agents do --------------------------------------------------------------------------------------------------

    def write(self, remote: Remote, text: str, agent: dict[str, Any] = ADA, **more: Any) -> None:
        """Let an agent write a message."""
        self._add(remote, text, 1, agent, **more)

    def set_status(self, remote: Remote, status: str) -> None:
        """Let an agent change the status."""
        if remote.status != status:
            remote.status = status
            self._notify({"event": "conversation_status_changed", **self._conversation(remote)})

    # the API ---------------------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Chatwoot"]:
        """Serve the API on a free port, and send webhooks."""
        base = f"/api/v1/accounts/{ACCOUNT}"
        app = web.Application(middlewares=[self._authenticated])
        app.router.add_get(f"{base}/contacts/search", self._search)
        app.router.add_post(f"{base}/contacts", self._add_contact)
        app.router.add_get(base + "/contacts/{contact:\\d+}/conversations", self._of_contact)
        app.router.add_post(f"{base}/conversations", self._add_conversation)
        app.router.add_get(base + "/conversations/{id:\\d+}", self._show)
        app.router.add_get(base + "/conversations/{id:\\d+}/messages", self._list)
        app.router.add_post(base + "/conversations/{id:\\d+}/messages", self._add_message)
        app.router.add_post(base + "/conversations/{id:\\d+}/toggle_status", self._toggle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        listening = socket.create_server(("127.0.0.1", 0))
        site = web.SockSite(runner, listening)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        sending = asyncio.create_task(self._send_webhooks())
        try:
            yield self
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            await stop_accepting(listening)
            await runner.cleanup()

    @web.middleware
    async def _authenticated(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if request.headers.get("api_access_token") != TOKEN:
            return web.json_response({"error": "Invalid Access Token"}, status=401)
        self.requests[request.method, request.path.partition(f"/{ACCOUNT}")[2]] += 1
        remote_id = int(request.match_info.get("id", 0))
        self.waiting += 1
        while remote_id in self.stalled:  # noqa: ASYNC110  # a test ends it
            await asyncio.sleep(0.01)
        self.waiting -= 1
        status = self.broken.get(remote_id)
        if status is not None:
            return web.json_response({"error": "broken"}, status=status)
        if request.method == "GET":
            return await handler(request)
        fault = self.faults.popleft() if self.faults else None
        if fault == "down":
            return web.json_response({"error": "down"}, status=503)
        self.changes += 1
        answer = await handler(request)
        if fault == "cut":
            assert request.transport is not None
            request.transport.close()
        return answer

    async def _search(self, request: web.Request) -> web.Response:
        found = [one for one in self.contacts if request.query["q"] in (one["identifier"], one["name"])]
        return web.json_response({"meta": {"count": len(found), "current_page": 1}, "payload": found})

    async def _add_contact(self, request: web.Request) -> web.Response:
        given = await request.json()
        if unknown := only(given, "inbox_id name email phone_number avatar_url identifier custom_attributes"):
            return self._reject(f"unknown parameters {unknown}")
        if given["identifier"] in self.refused:
            return web.json_response({"message": "Identifier is invalid"}, status=422)
        if any(one["identifier"] == given["identifier"] for one in self.contacts):
            return self._reject("Identifier has already been taken")
        inbox = {"id": INBOX, "channel_type": "Channel::Api", "name": "Visitors"}
        contact_inbox = {"source_id": f"source-{self._next()}", "inbox": inbox}
        contact = {
            "id": self._next(),
            "name": given["name"],
            "identifier": given["identifier"],
            "contact_inboxes": [contact_inbox],
        }
        self.contacts.append(contact)
        return web.json_response({"payload": {"contact": contact, "contact_inbox": contact_inbox}})

    async def _of_contact(self, request: web.Request) -> web.Response:
        contact_id = int(request.match_info["contact"])
        found = [one for one in self.conversations.values() if one.contact["id"] == contact_id]
        return web.json_response({"payload": [self._conversation(one) for one in found]})

    async def _add_conversation(self, request: web.Request) -> web.Response:
        given = await request.json()
        allowed = "source_id inbox_id contact_id additional_attributes custom_attributes status assignee_id team_id"
        if unknown := only(given, allowed):
            return self._reject(f"unknown parameters {unknown}")
        [contact] = [one for one in self.contacts if one["id"] == given["contact_id"]]
        if given["inbox_id"] != INBOX or given["source_id"] != contact["contact_inboxes"][0]["source_id"]:
            return self._reject("wrong inbox or source_id")
        remote = Remote(self._next(), contact, given["status"], given["custom_attributes"])
        self.conversations[remote.id] = remote
        return web.json_response(self._conversation(remote))

    async def _show(self, request: web.Request) -> web.Response:
        remote = self._found(request)
        shown, act, self.on_show = self._conversation(remote), self.on_show, None
        if act is not None:
            act()
        return web.json_response(shown)

    async def _list(self, request: web.Request) -> web.Response:
        after = int(request.query["after"])
        found = [one for one in self._found(request).messages if one["id"] > after][:100]
        return web.json_response({"meta": {}, "payload": found})

    async def _add_message(self, request: web.Request) -> web.Response:
        remote, given = self._found(request), await request.json()
        if unknown := only(given, "content message_type private content_type content_attributes source_id echo_id"):
            return self._reject(f"unknown parameters {unknown}")
        if not given["content"]:
            return self._reject("content is missing")
        if given["content"] in self.refused:
            return web.json_response({"message": "Content is too long"}, status=422)
        is_incoming = given["message_type"] == "incoming"
        sender = {**remote.contact, "type": "contact"} if is_incoming else BOT
        if is_incoming and remote.status in ("resolved", "snoozed"):
            self.set_status(remote, "open")
        added = self._add(remote, given["content"], 0 if is_incoming else 1, sender, source_id=given.get("source_id"))
        return web.json_response(added)

    async def _toggle(self, request: web.Request) -> web.Response:
        given = await request.json()
        if unknown := only(given, "status priority snoozed_until"):
            return self._reject(f"unknown parameters {unknown}")
        remote = self._found(request)
        self.set_status(remote, given["status"])
        payload = {"success": True, "conversation_id": remote.id, "current_status": remote.status}
        return web.json_response({"meta": {}, "payload": payload})

    def _found(self, request: web.Request) -> Remote:
        remote = self.conversations.get(int(request.match_info["id"]))
        if remote is None:
            raise web.HTTPNotFound(text='{"error": "Resource could not be found"}', content_type="application/json")
        return remote

    def _reject(self, reason: str) -> web.Response:
        self.rejected.append(reason)
        return web.json_response({"message": reason}, status=422)

    def _next(self) -> int:
        self._last_id += 1
        return self._last_id

    def _add(self, remote: Remote, text: str, kind: int, sender: dict[str, Any], **more: Any) -> dict[str, Any]:
        message = {
            "id": self._next(),
            "content": text,
            "inbox_id": INBOX,
            "conversation_id": remote.id,
            "message_type": kind,
            "content_type": "text",
            "content_attributes": {},
            "created_at": int(time.time()),
            "private": False,
            "source_id": None,
            "sender": sender,
            **more,
        }
        remote.messages.append(message)
        names = ("incoming", "outgoing", "activity", "template")
        self._notify(
            {
                **message,
                "event": "message_created",
                "message_type": names[kind],
                "conversation": self._conversation(remote),
                "account": {"id": ACCOUNT, "name": "Shop"},
            }
        )
        return message

    def _conversation(self, remote: Remote) -> dict[str, Any]:
        return {
            "id": remote.id,
            "inbox_id": INBOX,
            "status": remote.status,
            "custom_attributes": remote.custom_attributes,
            "meta": {"sender": remote.contact, "assignee": remote.assignee},
        }

    def _notify(self, payload: dict[str, Any]) -> None:
        if self.webhook_url:
            self._webhooks.put_nowait(payload)

    async def _send_webhooks(self) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http:
            while True:
                body, headers = signed(await self._webhooks.get())
                try:
                    async with http.post(self.webhook_url, data=body, headers=headers) as answer:
                        self.failed_webhooks += answer.status != 200
                except (aiohttp.ClientError, TimeoutError, OSError):
                    self.failed_webhooks += 1


def signed(payload: dict[str, Any], *, secret: str = SECRET, age_s: float = 0.0) -> tuple[bytes, dict[str, str]]:
    """Return the body and the headers of a webhook."""
    body = json.dumps(payload).encode()
    moment = str(int(time.time() - age_s))
    digest = hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {"X-Chatwoot-Timestamp": moment, "X-Chatwoot-Signature": f"sha256={digest}"}
    return body, {**headers, "Content-Type": "application/json"}
