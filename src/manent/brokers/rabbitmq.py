"""The event broker that publishes to RabbitMQ: a fanout exchange with durable queues, as Rasa's `pika` has them.

A message counts as handed over when RabbitMQ had a queue for it and has confirmed it. The connection is made anew after
any trouble; who publishes waits in between and says what is wrong, so the library's own complaints are silenced.
"""

import asyncio
import logging
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

import aiormq
from aiormq import Channel
from aiormq.abc import AbstractConnection
from yarl import URL

from manent.brokers.error_text import said
from manent.core.errors import BrokerError
from manent.runtime.ports.broker import Outgoing

log = logging.getLogger("manent.broker")

CONNECT_S: Final = 8.0
CLOSE_S: Final = 2.0

AT_ONCE: Final = 256
"""Messages that wait for their confirmation: with thousands, the event loop would be busy with them and nobody else."""

EXCHANGE: Final = "rasa-exchange"
QUEUE: Final = "rasa_core_events"

_PERSISTENT: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RabbitMq:
    """Where messages go.

    Attributes:
        url: `amqp://` or `amqps://`, with the account.
        exchange: a fanout exchange.
        queues: durable, bound to it.
        environment: sent as the messages' `app_id`, so that consumers can tell installations apart.
        certificate: file of a client's certificate, with `key`, for `amqps`.
    """

    url: URL
    exchange: str = EXCHANGE
    queues: tuple[str, ...] = (QUEUE,)
    environment: str | None = None
    certificate: str | None = None
    key: str | None = None


class RabbitMqBroker:
    """Implements `Broker` on one channel with publisher confirms."""

    def __init__(self, options: RabbitMq) -> None:
        self.options = options
        self._connection: AbstractConnection | None = None
        self._channel: Channel | None = None
        logging.getLogger("aiormq").setLevel(logging.CRITICAL)

    async def connect(self) -> None:
        """See `Broker.connect`. Declares exchange and queues."""
        if self._channel is not None and not self._channel.is_closed:
            return
        await self.close()
        try:
            async with asyncio.timeout(CONNECT_S):
                self._connection = await aiormq.connect(self.options.url, context=self._ssl())
                channel = await self._find_exchange(self._connection)
                for queue in self.options.queues:
                    await channel.queue_declare(queue, durable=True)
                    await channel.queue_bind(queue, self.options.exchange)
            self._channel = channel
        except _TROUBLE as error:
            await self.close()
            raise self._error(error) from None  # its traceback may show the address with the password

    async def _find_exchange(self, connection: AbstractConnection) -> Channel:
        """Take the exchange as it is (a durable one, say), or make it as Rasa does, which others may expect."""
        channel = cast("Channel", await connection.channel(on_return_raises=True))
        try:
            await channel.exchange_declare(self.options.exchange, passive=True)
        except aiormq.ChannelNotFoundEntity:  # and with it the channel is gone
            channel = cast("Channel", await connection.channel(on_return_raises=True))
            await channel.exchange_declare(self.options.exchange, exchange_type="fanout")
        return channel

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """See `Broker.publish`. Tasks begin in the order in which they are made, and so do the messages."""
        channel = self._channel
        if channel is None:
            raise BrokerError("broker_amqp", "not connected")
        try:
            for start in range(0, len(messages), AT_ONCE):
                async with asyncio.TaskGroup() as group:
                    for message in messages[start : start + AT_ONCE]:
                        group.create_task(self._publish(channel, message))
        except* _TROUBLE as errors:
            await self.close()
            raise self._error(errors.exceptions[0]) from None

    async def _publish(self, channel: Channel, message: Outgoing) -> None:
        properties = aiormq.spec.Basic.Properties(
            message_id=message.key, app_id=self.options.environment, delivery_mode=_PERSISTENT
        )
        await channel.basic_publish(
            message.body, exchange=self.options.exchange, properties=properties, mandatory=True, wait=False
        )

    async def close(self) -> None:
        """See `Broker.close`."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            try:
                async with asyncio.timeout(CLOSE_S):
                    await connection.close()
            except _TROUBLE as error:
                log.debug("a connection did not end well", extra={"error": said(error)})

    def _ssl(self) -> ssl.SSLContext | None:
        if self.options.url.scheme != "amqps":
            return None
        context = ssl.create_default_context()
        if self.options.certificate is not None:
            context.load_cert_chain(self.options.certificate, self.options.key)
        return context

    def _error(self, error: BaseException) -> BrokerError:
        return BrokerError("broker_amqp", said(error, [self.options.url.password]))


_TROUBLE: Final = (aiormq.AMQPError, aiormq.ChannelInvalidStateError, OSError, TimeoutError, RuntimeError, ValueError)
