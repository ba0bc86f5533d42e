"""The only way from a channel into a conversation.

A channel reads a message from the wire and hands it over with `take`. The inbox decides whether the sender may use the
conversation, checks lengths and types, counts the message against the rate limits, and submits it. Each channel has its
own inbox, which knows the channel's name and its identity mode.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

from starlette.requests import Request

from manent.core.conversation_log import LogEntry
from manent.core.events import Json
from manent.runtime.conversation.feed import Committed, News
from manent.runtime.conversation.registry import Conversations
from manent.runtime.conversation.ticket import Ticket
from manent.runtime.identity.admission import Caller, Identity
from manent.runtime.rate_limits import address_of
from manent.runtime.user_messages import user_message


def bearer_token(request: Request) -> str | None:
    """Return the token of the `Authorization: Bearer` header. None: the header is missing or has another scheme."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


async def caller_of(request: Request, identity: Identity) -> Caller:
    """Return who makes a request.

    Raises:
        RequestError: see `Identity.authenticate`.
    """
    address = address_of(request.client.host if request.client else None)
    return await identity.authenticate(bearer_token(request), address)


class Inbox:
    """Takes the messages of one channel.

    Attributes:
        channel: name of the channel, the input channel of its messages.
        identity: who may use which conversation over this channel.
    """

    def __init__(self, channel: str, conversations: Conversations, identity: Identity) -> None:
        self.channel = channel
        self.identity = identity
        self._conversations = conversations

    async def caller(self, request: Request) -> Caller:
        """Return who makes a request, from its bearer token and its address.

        Only for channels whose clients are the visitors themselves. A platform that delivers the messages of many
        visitors is verified by the channel, and its address says nothing about them.

        Raises:
            RequestError: see `Identity.authenticate`.
        """
        return await caller_of(request, self.identity)

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

        Await `ticket.accepted` before you confirm the message to its sender: it is durable then. `ticket.finished`
        gives the committed entries of the turn, `ticket.error` what ended it.

        Args:
            sender: id of the conversation, for example the sender's id on the platform. None: a new one.
            text: the message.
            message_id: the platform's id of the message. A message that is delivered again is taken once.
            metadata: the message's metadata, an object.
            caller: from `caller`. None: the channel has verified the sender.
            session_token: the session token that the client sent.
            input_channel: name of the input channel in the log, by default the channel's.
            output_channel: name of the channel that responses are chosen for, by default the input channel's.
            parse_data: NLU result to use instead of running the NLU.

        Raises:
            RequestError: the sender may not use the conversation; the id, the text or the metadata is invalid or too
                long; a rate limit is exceeded; or the conversation takes no message now.
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

    async def follow(self, ticket: Ticket) -> AsyncIterator[Sequence[LogEntry]]:
        """Yield the entries that the turn of an accepted message commits, as soon as each is durable."""
        conversation = self._conversations.get(ticket.message.sender_id)
        follower = _Follower(ticket)
        conversation.subscribers.append(follower)
        try:
            async for entries in follower.entries():
                yield entries
        finally:
            conversation.subscribers.remove(follower)
            self._conversations.release(conversation)


class _Follower:
    """Waits for the entries of one ticket. It is a `Subscriber` until the turn ends."""

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
