"""The bridge to Chatwoot: agents of a Chatwoot inbox answer visitors. The log remains the truth.

Each conversation with new messages gets a counterpart in an inbox of the type *API*. `bridge_runner.py` decides when a
conversation is compared with its counterpart. A comparison first reads the new messages and the status from Chatwoot,
and then sends the messages that Chatwoot does not have.

Both directions survive a crash. A message of Chatwoot has its id as the `message_id` of the operator's message, so the
log accepts it once. A message of the log has its place in the log as its `source_id`, so a server that does not know
whether the message was sent finds it in Chatwoot. A webhook only names a conversation: its content is not used.
"""

import hashlib
import hmac
import logging
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urljoin

import msgspec
from msgspec.structs import replace

from manent.channels.platform_api import Answer, PlatformApi
from manent.core.conversation_log import Head
from manent.core.errors import RequestError
from manent.core.events import AgentUttered, Json, Operator
from manent.core.handler import HandlerConflict
from manent.core.secret_text import is_same
from manent.desk.bridge_runner import BridgeRunner
from manent.project.settings.desk import ChatwootOptions
from manent.runtime import handling
from manent.runtime.conversation.registry import Conversations
from manent.runtime.json_input import read_body
from manent.runtime.ports.channel import SendLater
from manent.runtime.ports.desk import AuditRecord, BridgeLink, DeskStore, FeedRow
from manent.runtime.visitor_messages import messages_of

log = logging.getLogger("manent.desk")

NAME: Final = "chatwoot"
PREFIX: Final = "chatwoot:"
"""Beginning of the ids of operators and messages that come from Chatwoot."""

REMOTE_PAGE: Final = 100
"""Number of messages that Chatwoot returns at once."""

MAX_HISTORY: Final = 1_000
"""Number of events that are sent when a conversation gets its counterpart. Older messages are not sent."""

WINDOW_S: Final = 300.0
"""Maximum difference between the time of a webhook's signature and the server's clock."""

ATTEMPTS: Final = 3
NOT_FOUND: Final = 404
REJECTED: Final = (400, 413, 422)
"""Statuses with which Chatwoot permanently rejects a message."""

OUTGOING: Final = (1, "outgoing")
ASLEEP: Final = ("resolved", "snoozed")
"""States of a conversation in which a message of the visitor changes the state in Chatwoot."""

EVENTS: Final = ("message_created", "conversation_status_changed", "conversation_updated")


class _Place(msgspec.Struct, frozen=True, kw_only=True):
    """How far a conversation and its counterpart agree.

    Attributes:
        epoch: epoch of the log.
        seq: `seq` of the newest event that was sent.
        part: number of its newest part that was sent.
        received: id of the newest message of Chatwoot that was read.
        status: the counterpart's status when it was read or set last.
        intended: the status that the bridge sets, stored before it is set.
    """

    epoch: str
    seq: int = 0
    part: int = 0
    received: int = 0
    status: str = "pending"
    intended: str = "pending"


class Chatwoot:
    """The bridge of one server. Open it after the store and close it before the store.

    Args:
        options: how to reach Chatwoot.
        conversations: all conversations.
        desk: the tables with the feed and the links.
        server: name of this process.
        public_url: address of this server for links to files. None: files have no links.
    """

    def __init__(
        self,
        options: ChatwootOptions,
        conversations: Conversations,
        desk: DeskStore,
        *,
        server: str,
        public_url: str | None,
    ) -> None:
        self._options = options
        self._conversations = conversations
        self._store = conversations.engine.store
        self._desk = desk
        self._public_url = public_url
        self._api = PlatformApi()
        self._base = f"{options.url.rstrip('/')}/api/v1/accounts/{options.account_id}"
        self._metrics = conversations.engine.metrics
        self._runner = BridgeRunner(NAME, self._store, desk, self._compare, server=server, metrics=self._metrics)

    async def open(self) -> None:
        """Start."""
        await self._runner.open()

    async def close(self) -> None:
        """Stop. Another server continues."""
        await self._runner.close()
        await self._api.close()

    def wake(self) -> None:
        """Read the feed soon, because this server has written to it."""
        self._runner.wake()

    async def accept(self, headers: Mapping[str, str], body: bytes) -> None:
        """Store that a webhook has named a conversation.

        Raises:
            RequestError: `not_authenticated`: the signature is missing, wrong or too old. `bad_request`.
        """
        if not is_signed(headers, self._options.webhook_secret, body, now=time.time()):
            message = "the signature of the webhook is missing, wrong or too old"
            raise RequestError("not_authenticated", message, status=401)
        notice = read_body(body, dict[str, Any])
        if notice.get("event") not in EVENTS:
            return
        named = notice.get("conversation") if notice["event"] == "message_created" else notice
        remote = named.get("id") if isinstance(named, dict) else None
        sender_id = await self._desk.linked(NAME, str(remote)) if remote else None
        if sender_id is not None:
            await self._desk.tell([FeedRow(kind="bridge", time=time.time(), sender_id=sender_id)])
            self.wake()

    async def _compare(self, sender_id: str, link: BridgeLink | None) -> None:
        head = await self._store.head(sender_id)
        if head is None or head.version == 0:
            await self._desk.remove_links(sender_id)
            return
        link = link or BridgeLink(bridge=NAME, sender_id=sender_id)
        place = msgspec.convert(link.data, _Place) if link.data else None
        if place is None or place.epoch != head.epoch:
            link = replace(link, remote="")
            place = _Place(epoch=head.epoch, seq=max(0, head.version - MAX_HISTORY))
        remote: Json | None = None
        if link.remote:
            answer = await self._call("GET", f"/conversations/{link.remote}")
            if answer.status == NOT_FOUND:
                log.info(
                    "a conversation was deleted in Chatwoot; it is created again with its next message",
                    extra={"sender_id": sender_id, "remote": link.remote},
                )
                link, place = replace(link, remote=""), replace(place, received=0)
                await self._save(link, place)
                await self._runner.record(sender_id, "deleted")
            else:
                answer.check(_reason(answer))
                remote = answer.json
        if remote is None:
            if not await self._has_news(head, place):
                return
            await self._save(link, place)  # until it is connected, the log can grow by more than `MAX_HISTORY` events
            remote = await self._connect(head)
            link = replace(link, remote=str(remote["id"]))
            place = replace(place, status=_status(remote), intended=_status(remote))
            link = await self._save(link, place)
        place = await self._receive(link, place)
        place = await self._follow_status(link, place, remote)
        head = await self._store.head(sender_id)
        if head is not None and head.epoch == place.epoch:
            await self._send(head, link, place)

    async def _has_news(self, head: Head, place: _Place) -> bool:
        """Return whether the log has messages that Chatwoot does not have."""
        entries = await self._store.entries(head.sender_id, after=place.seq)
        return any(entry.view is not None and not _is_from_chatwoot(entry.event) for entry in entries)

    async def _connect(self, head: Head) -> Json:
        """Return the conversation's counterpart. If a crash interrupted this before, find what exists already."""
        self._runner.check_held()
        found = await self._get("/contacts/search", q=head.sender_id)
        contacts = [one for one in found.get("payload") or () if one.get("identifier") == head.sender_id]
        if contacts:
            contact = contacts[0]
        else:
            name = head.owner or f"Visitor {head.sender_id[:8]}"
            body: Json = {"inbox_id": self._options.inbox_id, "name": name, "identifier": head.sender_id}
            contact = (await self._post("/contacts", body))["payload"]["contact"]
        source_id = next(
            one["source_id"]
            for one in contact["contact_inboxes"]
            if (one.get("inbox") or {}).get("id") == self._options.inbox_id
        )
        listed = await self._get(f"/contacts/{contact['id']}/conversations")
        for one in listed.get("payload") or ():
            if (one.get("custom_attributes") or {}).get("manent_epoch") == head.epoch:
                known: Json = one
                return known
        created: Json = {
            "source_id": source_id,
            "inbox_id": self._options.inbox_id,
            "contact_id": contact["id"],
            "status": _wanted(head),
            "custom_attributes": {"manent_sender_id": head.sender_id, "manent_epoch": head.epoch},
        }
        return await self._post("/conversations", created)

    async def _receive(self, link: BridgeLink, place: _Place) -> _Place:
        """Append the agents' new messages to the log, in order."""
        while True:
            answer = await self._call_about(link, "GET", "/messages", params={"after": str(place.received)})
            answer.check(_reason(answer))
            found = answer.json
            messages = sorted(found.get("payload") or (), key=lambda message: int(message["id"]))
            for message in messages:
                own = _own_place(message, place.epoch)
                if own is not None and own > (place.seq, place.part):
                    place = replace(place, seq=own[0], part=own[1])
                if own is None and message.get("message_type") in OUTGOING and not message.get("private"):
                    await self._say(link.sender_id, message)
                place = replace(place, received=max(place.received, int(message["id"])))
            if messages:
                await self._save(link, place)
            if len(messages) < REMOTE_PAGE:
                return place

    async def _say(self, sender_id: str, message: Json) -> None:
        conversation = self._conversations.get(sender_id)
        operator = _operator(message.get("sender"))
        message_id = f"{PREFIX}{message['id']}"
        limit = conversation.engine.limits.text
        text = _text(message).replace("\0", "")
        for number, start in enumerate(range(0, len(text), limit)):
            part_id = message_id if number == 0 else f"{message_id}.{number}"
            for attempt in range(ATTEMPTS):
                try:
                    await handling.say(conversation, operator, text=text[start : start + limit], message_id=part_id)
                    break
                except HandlerConflict:
                    if attempt == ATTEMPTS - 1:
                        raise
                    await handling.assign(conversation, operator, by=operator)
                except RequestError as error:
                    if error.code in ("message_id_conflict", "bad_request"):  # it was edited, or has no visible text
                        break
                    raise
        await self._audit(operator, "say", sender_id, message_id=message_id)

    async def _follow_status(self, link: BridgeLink, place: _Place, remote: Json) -> _Place:
        """Change the handler if an agent has changed the status."""
        status = _status(remote)
        if status not in (place.status, place.intended):
            await self._change(link.sender_id, status, (remote.get("meta") or {}).get("assignee"))
        if status != place.status or status != place.intended:
            place = replace(place, status=status, intended=status)
            await self._save(link, place)
        return place

    async def _change(self, sender_id: str, status: str, assignee: Json | None) -> None:
        head = await self._store.head(sender_id)
        if head is None or status == _wanted(head) or status not in ("open", "pending", "resolved"):
            return
        conversation = self._conversations.get(sender_id)
        operator = head.handling.operator or _operator(assignee)
        try:
            if status == "open":
                await handling.request_handoff(conversation, reason=NAME)
            elif status == "resolved":
                await handling.close(conversation, operator)
            elif head.handling.handler != "bot":
                await handling.hand_back(conversation, operator)
        except HandlerConflict:  # another operator was faster; the bridge reports that handler to Chatwoot
            return
        await self._audit(operator, status, sender_id)

    async def _send(self, head: Head, link: BridgeLink, place: _Place) -> None:
        """Send the messages that Chatwoot does not have, and the status."""
        wanted = _wanted(head)
        is_first = True
        if wanted != "resolved":
            place = await self._set_status(link, place, wanted)
        for entry in await self._store.entries(head.sender_id, after=max(0, place.seq - 1)):
            if entry.view is None or _is_from_chatwoot(entry.event):
                continue
            for message in messages_of(entry, link=self._link, names_operators=True):
                part = int(str(message["id"]).partition(".")[2]) + 1
                text = _content(message)
                if (entry.seq, part) <= (place.seq, place.part) or not text:
                    continue
                is_visitor = message["role"] == "user"
                if is_first and is_visitor and place.status in ASLEEP:  # Chatwoot itself would set it to `open`
                    place = await self._set_status(link, place, "pending")
                is_first = is_first and not is_visitor
                body = {
                    "content": text,
                    "message_type": "incoming" if is_visitor else "outgoing",
                    "private": False,
                    "source_id": _source_id(place.epoch, entry.seq, part),
                }
                self._runner.check_held()
                answer = await self._call_about(link, "POST", "/messages", json=body)
                if answer.status in REJECTED:
                    await self._note_rejected(head.sender_id, entry.seq, answer)
                else:
                    answer.check(_reason(answer))
                place = replace(place, seq=entry.seq, part=part)
                await self._save(link, place)
        await self._set_status(link, place, wanted)

    async def _set_status(self, link: BridgeLink, place: _Place, wanted: str) -> _Place:
        if wanted == place.status or (wanted == "open" and place.status == "snoozed"):
            return place
        place = replace(place, intended=wanted)
        await self._save(link, place)
        self._runner.check_held()
        answer = await self._call_about(link, "POST", "/toggle_status", json={"status": wanted})
        answer.check(_reason(answer))
        place = replace(place, status=wanted)
        await self._save(link, place)
        return place

    async def _note_rejected(self, sender_id: str, seq: int, answer: Answer) -> None:
        """Record that Chatwoot has permanently rejected a message. Later messages are sent."""
        self._metrics.bridge_rejected += 1
        extra = {"sender_id": sender_id, "seq": seq, "status": answer.status, "error": _reason(answer)}
        log.warning("Chatwoot rejected a message, so it is only in the log; later messages are sent", extra=extra)
        await self._runner.record(sender_id, "rejected", seq=seq, status=answer.status)

    async def _save(self, link: BridgeLink, place: _Place) -> BridgeLink:
        link = replace(link, data=msgspec.to_builtins(place))
        await self._desk.put_link(link)
        return link

    async def _audit(self, operator: Operator, action: str, sender_id: str, **detail: Any) -> None:
        record = AuditRecord(
            time=time.time(),
            member_id=operator.id,
            name=operator.name,
            action=f"{PREFIX}{action}",
            sender_id=sender_id,
            detail=detail,
        )
        await self._desk.audit(record)

    def _link(self, file_id: str) -> str:
        files = self._conversations.engine.files
        return urljoin(self._public_url, files.link(file_id)) if files is not None and self._public_url else ""

    async def _get(self, path: str, **params: str) -> Json:
        answer = await self._call("GET", path, params=params)
        answer.check(_reason(answer))
        return answer.json

    async def _post(self, path: str, body: Json) -> Json:
        answer = await self._call("POST", path, json=body)
        answer.check(_reason(answer))
        return answer.json

    async def _call_about(self, link: BridgeLink, method: str, path: str, **more: Any) -> Answer:
        """Call a path below a conversation that exists in Chatwoot.

        Raises:
            SendLater: Chatwoot could not be reached, or an agent has just deleted the conversation. The next comparison
                creates it again.
        """
        answer = await self._call(method, f"/conversations/{link.remote}{path}", **more)
        if answer.status == NOT_FOUND:
            raise SendLater("status 404: the conversation was deleted in Chatwoot")
        return answer

    async def _call(self, method: str, path: str, **more: Any) -> Answer:
        headers = {"api_access_token": self._options.access_token}
        return await self._api.call(method, f"{self._base}{path}", headers=headers, **more)


def is_signed(headers: Mapping[str, str], secret: str, body: bytes, *, now: float) -> bool:
    """Return whether a webhook has Chatwoot's signature, and whether it is recent.

    `X-Chatwoot-Signature` is `sha256=` and the HMAC-SHA256 of `X-Chatwoot-Timestamp`, a full stop and the body.
    """
    moment, given = headers.get("x-chatwoot-timestamp", ""), headers.get("x-chatwoot-signature", "")
    if not moment.isascii() or not moment.isdigit() or len(moment) > 12:  # noqa: PLR2004  # longer: not a time
        return False
    digest = hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()
    return is_same(given, f"sha256={digest}") and abs(now - int(moment)) <= WINDOW_S


def _wanted(head: Head) -> str:
    """Return the status in Chatwoot that corresponds to a handler."""
    if head.handling.closed_at is not None:
        return "resolved"
    return "pending" if head.handling.handler == "bot" else "open"


def _status(remote: Json) -> str:
    return str(remote.get("status") or "pending")


def _source_id(epoch: str, seq: int, part: int) -> str:
    return f"manent:{epoch}:{seq}.{part}"


def _own_place(message: Json, epoch: str) -> tuple[int, int] | None:
    """Return the place in the log of a message that the bridge has sent. None: it is not from the bridge."""
    source_id = str(message.get("source_id") or "")
    if not source_id.startswith("manent:"):
        return None
    _, found, place = source_id.split(":", 2)
    seq, _, part = place.partition(".")
    return (int(seq), int(part)) if found == epoch else (0, 0)


def _is_from_chatwoot(event: Any) -> bool:
    return isinstance(event, AgentUttered) and (event.message_id or "").startswith(PREFIX)


def _operator(sender: Any) -> Operator:
    found = sender if isinstance(sender, dict) else {}
    name = str(found.get("available_name") or found.get("name") or "Chatwoot")
    avatar = str(found.get("thumbnail") or found.get("avatar_url") or "")
    is_url = avatar.startswith(("https://", "http://"))
    return Operator(id=f"{PREFIX}{found.get('id', 'agent')}", name=name, avatar=avatar if is_url else None)


def _text(message: Json) -> str:
    """Return the text of an agent's message, and the addresses of its files, each on its own line."""
    files = [one.get("data_url") for one in message.get("attachments") or () if isinstance(one, dict)]
    return "\n".join(str(line) for line in (message.get("content"), *files) if line)


def _content(message: Json) -> str:
    """Return what Chatwoot shows of a message: its text, its buttons, and the addresses of its files."""
    match message:
        case {"role": "user"}:
            files = [f"{one['name']} {one.get('url', '')}".strip() for one in message.get("attachments") or ()]
            return "\n".join([str(message.get("title") or message.get("message") or ""), *files]).strip()
        case {"custom": custom}:
            return msgspec.json.encode(custom, enc_hook=str).decode()
        case {"attachment": attachment}:
            payload = attachment.get("payload") if isinstance(attachment, dict) else attachment
            source = payload.get("src") if isinstance(payload, dict) else payload
            return str(source or msgspec.json.encode(attachment, enc_hook=str).decode())
    buttons = [f"[{one.get('title')}]" for one in message.get("quick_replies") or ()]
    name = f"{message['operator']['name']}: " if message["role"] == "agent" else ""
    return f"{name}{message.get('text') or ''} {' '.join(buttons)}".strip()


def _reason(answer: Answer) -> str:
    found = answer.json
    return str(found.get("message") or found.get("error") or "")[:200]
