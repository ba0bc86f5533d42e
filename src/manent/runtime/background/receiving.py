"""Submits messages from messenger platforms to their conversations, each exactly once and in order.

A webhook stores its message with `receive` and confirms it to the platform. A background task claims stored messages,
including those that other servers received, and submits them. One server at a time handles a conversation. A message is
removed from the store once its conversation has accepted it. After a crash between acceptance and removal, the message
is submitted again, and the conversation recognises its id.
"""

import asyncio
import hashlib
import logging
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from msgspec.structs import replace

from manent.core.conversation_log import Lease
from manent.core.errors import InternalError, ManentError, RequestError, StoreError
from manent.core.events import UserUttered
from manent.core.messages import UserMessage
from manent.core.postbox import ReceivedMessage, Route
from manent.runtime.choices import LOOK_BACK, find_choice, may_be_choice
from manent.runtime.conversation.registry import Conversations
from manent.runtime.loops import Loop
from manent.runtime.ports.channel import Messenger
from manent.runtime.server_name import is_dead
from manent.runtime.user_messages import MAX_MESSAGE_ID, checked_metadata, checked_text

log = logging.getLogger("manent.channels")

POLL_S: Final = 1.0
"""Seconds between two searches of the store for messages that other servers received."""

LEASE_S: Final = 30.0
RENEW_S: Final = 10.0
CLAIM_LIMIT: Final = 256
MAX_IN_HAND: Final = 1_000
MAX_WAITING: Final = 200
"""Maximum number of waiting messages per conversation. The platform delivers further messages again later."""

RETRY_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Pauses in seconds between attempts to submit a message. The last one repeats."""

MAX_FAULTS: Final = 5
"""Number of attempts after which a message that causes an internal error is dropped."""

KEEP_KEYS_S: Final = 8 * 86_400.0
"""Seconds for which the key of a message is kept. WhatsApp repeats unconfirmed deliveries for seven days, and other
platforms for a shorter time."""

FORGET_INTERVAL_S: Final = 3_600.0
TYPING_S: Final = 5.0
MAX_ADDRESS: Final = 200
"""Maximum number of characters of an address. Within this limit, `<channel>:<address>` is a valid conversation id."""

WRONG_TEXT: Final = "message_id_conflict"
"""Error code for a message that was already accepted with another text.

The text differs because its button was looked up in another bot message.
"""

_PASSING: Final = frozenset({"busy", "server_closing", "too_many_requests", "no_model"})


class Receiver:
    """Receives the messages of all messenger channels. Open it after the conversations and close it before them.

    Args:
        conversations: where messages go.
        messengers: the channels by name.

    Attributes:
        received: number of stored messages, by channel.
        repeated: number of repeated deliveries, by channel.
        lost: number of messages that could not be processed, by channel. Each is logged.
    """

    def __init__(self, conversations: Conversations, messengers: Mapping[str, Messenger]) -> None:
        self.messengers = messengers
        self.received: dict[str, int] = {}
        self.repeated: dict[str, int] = {}
        self.lost: dict[str, int] = {}
        self._conversations = conversations
        self._engine = conversations.engine
        self._store = conversations.engine.store
        self._leases = conversations.engine.leases
        self._queues: dict[str, deque[ReceivedMessage]] = {}
        self._handlers: dict[str, asyncio.Task[None]] = {}
        self._typing: set[asyncio.Task[None]] = set()
        self._in_hand: set[int] = set()
        self._renewed = 0.0
        self._forgot = 0.0
        self._loop = Loop("receiving", self._round, metrics=conversations.engine.metrics)

    async def open(self) -> None:
        """Start to submit stored messages."""
        self._loop.open()

    async def close(self) -> None:
        """Stop. Another server, or this server after its next start, submits the messages that are not accepted yet."""
        await self._loop.close()
        tasks = [*self._handlers.values(), *self._typing]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(StoreError):  # the leases expire
            await self._store.release_received(self._leases.owner)

    async def receive(self, message: ReceivedMessage) -> bool:
        """Store a message durably. Return whether the message is new, or False if it was received before.

        Raises:
            RequestError: `bad_request` or `too_long`: the message can never be processed. `busy`: too many messages are
                waiting in this conversation.
            StoreError: the message was not stored, and the platform must deliver it again.
        """
        message = checked_message(message, text_limit=self._engine.limits.text)
        message = replace(message, traceparent=self._engine.spans.traceparent())
        start = await self._start_of(message)
        stored = await self._store.receive(message, start, limit=MAX_WAITING)
        if stored is None:
            self.repeated[message.channel] = self.repeated.get(message.channel, 0) + 1
            return False
        self.received[message.channel] = self.received.get(message.channel, 0) + 1
        self._loop.wake()
        return True

    async def unprocessed(self) -> int:
        """Return the number of stored messages whose turns have not run, of all servers that use the store.

        Raises:
            StoreError: the store cannot be read.
        """
        return await self._store.count_received()

    async def _start_of(self, message: ReceivedMessage) -> Route:
        """Return the route to create for an address that has no route.

        If the channel already has a conversation with the address as its id, for example after an import from Rasa, the
        route leads to this conversation.
        """
        address, channel = message.address, message.channel
        route = await self._store.route_at(channel, address)
        if route is not None:
            return route
        head = await self._store.head(address)
        other = Route(sender_id=f"{channel}:{address}", channel=channel, address=address)
        if head is None:
            in_use = bool(self._conversations.followed([address]))
            return other if in_use else replace(other, sender_id=address)
        entries = await self._store.page(address, limit=LOOK_BACK)
        channels = [
            entry.event.input_channel
            for entry in (entries.entries if entries is not None else ())
            if isinstance(entry.event, UserUttered)
        ]
        if channels[-1:] != [channel]:
            return other
        return replace(other, sender_id=address, epoch=head.epoch, seq=head.version)

    async def _round(self) -> float:
        """Claim stored messages and start to submit them. Return the pause until the next round."""
        now, owner = self._leases.now(), self._leases.owner
        lease = Lease(owner=owner, until=now + LEASE_S)
        if self._in_hand and now - self._renewed >= RENEW_S:
            await self._store.renew_received(lease)
            self._renewed = now
        if now - self._forgot >= FORGET_INTERVAL_S:
            await self._store.forget_received(older_than=now - KEEP_KEYS_S)
            self._forgot = now
        if self._engine.is_closing or len(self._in_hand) >= MAX_IN_HAND:
            return POLL_S
        if await self._store.count_received() <= len(self._in_hand):
            return POLL_S
        dead = [one for one in await self._store.received_owners() if one != owner and is_dead(one)]
        claimed = await self._store.claim_received(lease, now=now, over=dead, limit=CLAIM_LIMIT)
        for message in claimed:
            if message.number not in self._in_hand:
                self._in_hand.add(message.number)
                self._queues.setdefault(message.sender_id, deque()).append(message)
                if message.sender_id not in self._handlers:
                    self._handlers[message.sender_id] = asyncio.create_task(self._handle(message.sender_id))
        return 0.0 if len(claimed) == CLAIM_LIMIT else POLL_S

    async def _handle(self, sender_id: str) -> None:
        """Submit all waiting messages of one conversation in order."""
        queue = self._queues[sender_id]
        try:
            while queue:
                await self._finish(queue, await self._until_accepted(queue[0]))
        finally:
            for message in queue:
                self._in_hand.discard(message.number)
            del self._queues[sender_id], self._handlers[sender_id]

    async def _finish(self, queue: deque[ReceivedMessage], error: ManentError | None) -> None:
        message = queue[0]
        is_erased = error is not None and error.code == "conversation_changed"
        # other messages that were waiting for an erased conversation are also dropped
        finished = list(queue) if is_erased else [message]
        if error is not None and error.code != WRONG_TEXT:
            self.lost[message.channel] = self.lost.get(message.channel, 0) + len(finished)
            log.warning(
                "a received message was not processed",
                extra={
                    "channel": message.channel,
                    "sender_id": message.sender_id,
                    "message_id": message.message_id,
                    "code": error.code,
                    "error": error.message,
                },
            )
        for attempt in range(1_000_000):
            try:
                await self._store.finish_received([one.number for one in finished], now=self._leases.now())
                break
            except StoreError:
                await asyncio.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])
        for one in finished:
            queue.remove(one)
            self._in_hand.discard(one.number)

    async def _until_accepted(self, message: ReceivedMessage) -> ManentError | None:
        """Submit a message until its conversation accepts it. If it never does, return the error."""
        attempt, faults = 0, 0
        while True:
            pause_s = RETRY_S[min(attempt, len(RETRY_S) - 1)]
            attempt += 1
            try:
                self._conversations.rates.speak_as(message.sender_id)
                await self._submit(message)
            except RequestError as error:
                if error.code not in _PASSING:
                    return error
                pause_s = max(pause_s, min(error.retry_after or 0.0, RETRY_S[-1]))
            except StoreError:
                pass  # the turn that failed has already logged the store's error
            except ManentError as error:
                faults += 1
                if faults >= MAX_FAULTS:
                    return error
            except Exception as error:
                faults += 1
                log.exception("a received message caused a fault", extra={"sender_id": message.sender_id})
                if faults >= MAX_FAULTS:
                    return InternalError("internal_error", f"it caused a fault: {type(error).__name__}: {error}")
            else:
                return None
            await asyncio.sleep(pause_s)

    async def _submit(self, message: ReceivedMessage) -> None:
        """Submit a message and wait until the log contains it durably."""
        messenger = self.messengers.get(message.channel)
        text, title = message.text, message.title
        if messenger is not None and may_be_choice(text):
            page = await self._store.page(message.sender_id, limit=LOOK_BACK)
            chosen = page and find_choice(text, page.entries, max_buttons=messenger.max_buttons)
            text, title = chosen or (text, title)
        user_message = UserMessage(
            sender_id=message.sender_id,
            text=text,
            message_id=message.message_id,
            input_channel=message.channel,
            output_channel=message.channel,
            title=title,
            metadata=message.metadata,
        )
        with self._engine.spans.continued(message.traceparent):
            ticket = self._conversations.get(message.sender_id).submit(user_message)
        receipt = await ticket.accepted
        if messenger is not None and not receipt.duplicate:
            task = asyncio.create_task(self._show_typing(messenger, message.sender_id))
            self._typing.add(task)
            task.add_done_callback(self._typing.discard)

    async def _show_typing(self, messenger: Messenger, sender_id: str) -> None:
        try:
            async with asyncio.timeout(TYPING_S):
                for route in await self._store.routes([sender_id]):
                    await messenger.show_typing(route)
        except (ManentError, TimeoutError) as error:
            log.debug("could not show typing", extra={"sender_id": sender_id, "error": str(error)})


def checked_message(message: ReceivedMessage, *, text_limit: int) -> ReceivedMessage:
    """Return a message in its stored form.

    Raises:
        RequestError: `bad_request` or `too_long`.
    """
    address = message.address
    if not 1 <= len(address) <= MAX_ADDRESS or "\0" in address:
        raise RequestError(
            "bad_request", f"the sender's id must have 1 to {MAX_ADDRESS} characters; found {len(address)}"
        )
    message_id = message.message_id
    if len(message_id) > MAX_MESSAGE_ID or "\0" in message_id:
        message_id = "sha256:" + hashlib.sha256(message_id.encode(errors="replace")).hexdigest()
    if not message_id:
        raise RequestError("bad_request", "the message has no id")
    return replace(
        message,
        message_id=message_id,
        text=checked_text(message.text, text_limit),
        title=None if message.title is None else checked_text(message.title, text_limit, field="title"),
        metadata=checked_metadata(message.metadata),
    )
