"""The inbox, through which every channel submits messages to conversations.

A channel reads a message from a request and passes it to `take`. The inbox checks that the sender may use the
conversation, checks lengths and types, applies the rate limits, and submits the message. Each channel has a separate
inbox with the channel's name and identity mode.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.requests import Request

from manent.core.conversation_log import LogEntry
from manent.core.events import ActionExecuted, AgentUttered, BotUttered, Json, UserUttered
from manent.core.postbox import ReceivedMessage
from manent.runtime.choices import LOOK_BACK
from manent.runtime.conversation.feed import Committed, News
from manent.runtime.conversation.registry import Conversations
from manent.runtime.conversation.ticket import Receipt, Ticket
from manent.runtime.identity.admission import Caller, Identity
from manent.runtime.rate_limits import address_of
from manent.runtime.user_messages import user_message
from manent.runtime.visitor_messages import spoken

MISSED = 100
"""Maximum number of visible entries in which an operator's messages are looked up."""

MAX_PAUSE_S = 0.25
MAX_LOOKS = 240
"""Longest pause between two looks at a position, and maximum number of looks: about one minute."""

Receive = Callable[[ReceivedMessage], Awaitable[bool]]
"""Stores a message that a platform delivered, as `Receiver.receive` does."""


def bearer_token(request: Request) -> str | None:
    """Return the token of the `Authorization: Bearer` header, or None without such a header."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


async def caller_of(request: Request, identity: Identity) -> Caller:
    """Return who makes a request.

    Raises:
        RequestError: see `Identity.authenticate`.
    """
    address = address_of(request.client.host if request.client else None)
    return await identity.authenticate(bearer_token(request), address)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The messages of the bot and of operators in the log of a conversation.

    Attributes:
        messages: the messages, oldest first.
        upto: number of the last event that was read.
        is_finished: whether the turn of the visitor's message has ended.
    """

    messages: Sequence[BotUttered]
    upto: int
    is_finished: bool


class Inbox:
    """Receives the messages of one channel.

    Attributes:
        channel: name of the channel, the input channel of its messages.
        identity: who may use which conversation over this channel.
    """

    def __init__(
        self, channel: str, conversations: Conversations, identity: Identity, receive: Receive | None = None
    ) -> None:
        self.channel = channel
        self._receive = receive
        self.identity = identity
        self._conversations = conversations

    async def caller(self, request: Request) -> Caller:
        """Return who makes a request, from its bearer token and its address.

        Call this only in channels whose clients are the visitors themselves. A platform delivers the messages of many
        visitors from one address, so its channel verifies the platform instead.

        Raises:
            RequestError: see `Identity.authenticate`.
        """
        return await caller_of(request, self.identity)

    def metadata_of_client(self, metadata: Any) -> Any:
        """Return metadata that a visitor's client sent, without the keys that the server sets."""
        return self._conversations.engine.metadata_of_client(metadata)

    async def take(
        self,
        sender: Any,
        text: str,
        *,
        message_id: Any = None,
        metadata: Any = None,
        caller: Caller | None = None,
        session_token: Any = None,
        input_channel: str | None = None,
        output_channel: str | None = None,
        parse_data: Json | None = None,
    ) -> Ticket:
        """Submit a message and return its ticket.

        Await `ticket.accepted` before you confirm the message to its sender: the message is durable then.
        `ticket.finished` returns the committed entries of the turn. `ticket.error` is the error that ended the turn, if
        any.

        Args:
            sender: id of the conversation, for example the sender's id on the platform. None starts a new conversation.
            text: the message.
            message_id: the platform's id of the message. If the platform delivers the message again, it is ignored.
            metadata: the message's metadata, a JSON object.
            caller: the result of `caller`, or None if the channel has verified the sender.
            session_token: the session token that the client sent.
            input_channel: name of the input channel in the log. Default: the name of the channel.
            output_channel: name of the channel for which response variations are chosen. Default: the name of the
                channel.
            parse_data: NLU result that is used instead of running the NLU.

        Raises:
            RequestError: the sender may not use the conversation, an argument is invalid or too long, a rate limit is
                exceeded, or the conversation cannot accept a message now.
        """
        admission = await self.identity.admit(sender, session_token, caller or Caller())
        if caller is None:
            self._conversations.rates.speak_as(admission.sender_id)
        else:
            self._conversations.rates.speak(caller.address, caller.subject or admission.sender_id)
        message = user_message(
            admission.sender_id,
            text,
            limits=self._conversations.engine.limits,
            message_id=message_id,
            input_channel=input_channel or self.channel,
            output_channel=output_channel or self.channel,
            metadata=metadata,
            parse_data=parse_data,
        )
        confirm = partial(self.identity.confirm, admission, beginner=caller)
        return self._conversations.get(admission.sender_id).submit(message, confirm=confirm)

    async def receive(
        self,
        address: str,
        text: str,
        *,
        message_id: str,
        title: str | None = None,
        metadata: Json | None = None,
        reference: Json | None = None,
    ) -> bool:
        """Store a message that a platform delivered, so that the channel can confirm it to the platform.

        The channel must verify the platform first. The message is durable when this returns. Its turn runs later, and
        `Messenger.send_part` sends the bot's replies.

        Args:
            address: id of the visitor, chat or room on the platform.
            text: the message.
            message_id: the platform's id of the message, unique for this address.
            title: text of the clicked button, if `text` is its payload.
            metadata: the message's metadata.
            reference: data that `send_part` needs in addition to the address. It replaces the reference of earlier
                messages.

        Returns:
            True if the message is new; False if the platform has delivered it before.

        Raises:
            RequestError: the message can never be processed (status 400 or 413), or the platform must deliver it again
                later (status 429).
            StoreError: the message was not stored; the platform must deliver it again later.
        """
        assert self._receive is not None, "only channels that implement Messenger receive messages"  # noqa: S101
        return await self._receive(
            ReceivedMessage(
                channel=self.channel,
                address=address,
                message_id=message_id,
                text=text,
                title=title,
                metadata=metadata or {},
                reference=reference or {},
            )
        )

    async def answers(self, address: str, *, after: int | None, message_id: str | None = None) -> Answers:
        """Return what the bot has said in a conversation of a platform, for a channel that answers in its responses.

        Another server may run the turn, so this method reads the log. Call it again until the turn has ended.

        Args:
            address: id of the visitor on the platform.
            after: number of the event up to which the visitor knows the log. None: up to the message `message_id`, if
                there is one, or else nothing except the bot's last message.
            message_id: the received message whose turn must end. None: do not wait for a turn.
        """
        store = self._conversations.engine.store
        route = await store.route_at(self.channel, address)
        page = await store.page(route.sender_id, limit=LOOK_BACK) if route is not None else None
        if route is None or page is None:
            return Answers(messages=(), upto=0, is_finished=message_id is None)
        asked = [one.seq for one in page.entries if is_message(one, message_id)] if message_id is not None else []
        said = [one.seq for one in page.entries if spoken(one.event) is not None]
        if after is None:
            after = asked[-1] if asked else said[-1] - 1 if said else 0
        entries = await store.entries(route.sender_id, after=after)
        is_silent = bool(asked) and page.head.handling.handler != "bot"  # the bot does not answer, and does not listen
        is_finished = (
            message_id is None
            or is_silent
            or any(
                entry.seq > asked[-1]
                and isinstance(entry.event, ActionExecuted)
                and entry.event.name == "action_listen"
                for entry in (entries if asked else ())
            )
        )
        messages = [event for entry in entries if (event := spoken(entry.event)) is not None]
        return Answers(messages=messages, upto=entries[-1].seq if entries else after, is_finished=is_finished)

    async def until_sent(self, sender_id: str, seqs: Sequence[int]) -> str | None:
        """Wait until bot messages are sent over this channel, by this server or another.

        Args:
            sender_id: the conversation.
            seqs: numbers of the messages in the log, in order. Not empty.

        Returns:
            None, or the reason why a message is not sent yet or was rejected.
        """
        engine, pause_s = self._conversations.engine, 0.01
        for _ in range(MAX_LOOKS):
            found = [route for route in await engine.store.routes([sender_id]) if route.channel == self.channel]
            if not found or found[0].seq >= seqs[-1]:  # without a route, the conversation was erased
                rejected = [one for one in await engine.store.undelivered(sender_id) if one.seq in seqs]
                return next((one.reason for one in rejected if not one.is_uncertain), None)
            if found[0].failures > 0:
                return "it is sent again later"
            if engine.is_closing:
                return "the server is shutting down; it is sent after the next start"
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, MAX_PAUSE_S)
        return "another message is being sent; it is sent later"

    async def missed(self, ticket: Ticket, receipt: Receipt) -> list[LogEntry]:
        """Return what operators said between the visitor's previous message and this one.

        For channels that can send only in the response to a message.
        """
        conversation = self._conversations.get(ticket.message.sender_id)
        head = conversation.record.head
        if head is None or head.handling.since == 0:
            return []
        page = await conversation.engine.store.page(conversation.sender_id, limit=MISSED, before=receipt.seq)
        missed: list[LogEntry] = []
        for entry in reversed(page.entries if page is not None else ()):
            if isinstance(entry.event, UserUttered):
                break
            if isinstance(entry.event, AgentUttered):
                missed.insert(0, entry)
        return missed

    async def follow(self, ticket: Ticket) -> AsyncIterator[Sequence[LogEntry]]:
        """Yield the entries that the turn of an accepted message commits, each as soon as it is durable."""
        conversation = self._conversations.get(ticket.message.sender_id)
        follower = _Follower(ticket)
        conversation.subscribers.append(follower)
        try:
            async for entries in follower.entries():
                yield entries
        finally:
            conversation.subscribers.remove(follower)
            self._conversations.release(conversation)


def is_message(entry: LogEntry, message_id: str) -> bool:
    """Return whether an entry is the visitor's message with this id."""
    return isinstance(entry.event, UserUttered) and entry.event.message_id == message_id


class _Follower:
    """A `Subscriber` that waits for the entries of one ticket until the turn ends."""

    def __init__(self, ticket: Ticket) -> None:
        self._ticket = ticket
        self._changed = asyncio.Event()
        ticket.finished.add_done_callback(lambda _: self._changed.set())

    async def entries(self) -> AsyncIterator[Sequence[LogEntry]]:
        ticket, sent = self._ticket, 0
        while True:
            self._changed.clear()
            entries = ticket.entries[sent:]
            sent += len(entries)
            if entries:
                yield entries
            if ticket.finished.done() and sent == len(ticket.entries):
                return
            await self._changed.wait()

    def notify(self, news: News) -> None:
        if isinstance(news, Committed):
            self._changed.set()
