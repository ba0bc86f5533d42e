"""Publishes stored conversations to the project's event broker: `manent conversations export --to-broker`.

A running server publishes independently of this command, so the broker can receive an event twice, with the same id.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from manent.brokers.opening import open_broker
from manent.cli.project_store import read_project_endpoints
from manent.core.conversation_log import Head
from manent.core.errors import BrokerError
from manent.core.events import encode_event, outside
from manent.runtime.background.publishing import message_of
from manent.runtime.export import PAGE
from manent.runtime.ports.store import ConversationStore

MISSING: Final = (
    "endpoints.yml contains no event_broker; add one, such as `event_broker: {type: file, path: events.jsonl}`"
)


async def publish(store: ConversationStore, heads: AsyncIterator[Head], endpoints: Path | None) -> tuple[int, int]:
    """Publish all events of these conversations. Return the number of events and of conversations.

    Raises:
        BrokerError: no broker is configured (`broker_missing`), or the broker cannot be reached.
    """
    section = read_project_endpoints(endpoints).event_broker
    broker = open_broker(section, root=Path())
    if broker is None:
        raise BrokerError("broker_missing", MISSING)
    count = conversations = 0
    try:
        await broker.connect()
        async for head in heads:
            conversations += 1
            after = 0
            while entries := await store.entries(head.sender_id, after=after, limit=PAGE):
                messages = [
                    message_of(head.sender_id, encode_event(event), epoch=head.epoch, seq=entry.seq)
                    for entry in entries
                    if (event := outside(entry.event)) is not None
                ]
                await broker.publish(messages)
                count += len(messages)
                after = entries[-1].seq
    finally:
        await broker.close()
    return count, conversations
