"""The event broker that publishes to RabbitMQ: a fanout exchange with durable queues, as Rasa's `pika` has them.

A message counts as handed over when RabbitMQ had a queue for it and has confirmed it. The connection is made anew after
any trouble; who publishes waits in between and says what is wrong, so the libraries' own complaints are silenced.
"""

import asyncio
import logging
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import aio_pika
from aio_pika import DeliveryMode, ExchangeType
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError, ChannelNotFoundEntity
from yarl import URL

from manent.brokers.said import said
from manent.core.errors import BrokerError
from manent.runtime.ports import Outgoing

CONNECT_S: Final = 8.0
CLOSE_S: Final = 2.0

log = logging.getLogger("manent.broker")

AT_ONCE: Final = 256
"""Messages that wait for their confirmation: with thousands, the event loop would be busy with them and nobody else."""

EXCHANGE: Final = "rasa-exchange"
QUEUE: Final = "rasa_core_events"


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
        self._exchange: AbstractExchange | None = None
        for library in ("aio_pika", "aiormq"):
            logging.getLogger(library).setLevel(logging.CRITICAL)

    async def connect(self) -> None:
        """See `Broker.connect`. Declares exchange and queues."""
        if self._exchange is not None and self._connection is not None and not self._connection.is_closed:
            return
        await self.close()
        try:
            async with asyncio.timeout(CONNECT_S):
                self._connection = await aio_pika.connect(self.options.url, ssl_context=self._ssl())
                channel, exchange = await self._find_exchange(self._connection)
                for name in self.options.queues:
                    queue = await channel.declare_queue(name, durable=True)
                    await queue.bind(exchange, "")
            self._exchange = exchange
        except _TROUBLE as error:
            await self.close()
            raise self._error(error) from None  # its traceback may show the address with the password

    async def _find_exchange(self, connection: AbstractConnection) -> tuple[AbstractChannel, AbstractExchange]:
        """Take the exchange as it is (a durable one, say), or make it as Rasa does, which others may expect."""
        channel = await connection.channel(on_return_raises=True)
        try:
            return channel, await channel.get_exchange(self.options.exchange)
        except ChannelNotFoundEntity:  # and with it the channel is gone
            channel = await connection.channel(on_return_raises=True)
            return channel, await channel.declare_exchange(self.options.exchange, ExchangeType.FANOUT)

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """See `Broker.publish`. Tasks get their turns in the order in which they are made, and so do the messages."""
        exchange = self._exchange
        if exchange is None:
            raise BrokerError("broker_amqp", "there is no connection")
        try:
            for start in range(0, len(messages), AT_ONCE):
                async with asyncio.TaskGroup() as group:
                    for message in messages[start : start + AT_ONCE]:
                        group.create_task(self._publish(exchange, message))
        except* _TROUBLE as errors:
            await self.close()
            raise self._error(errors.exceptions[0]) from None

    async def _publish(self, exchange: AbstractExchange, message: Outgoing) -> None:
        await exchange.publish(
            aio_pika.Message(
                message.body,
                app_id=self.options.environment,
                delivery_mode=DeliveryMode.PERSISTENT,
                message_id=message.key,
            ),
            routing_key="",
        )

    async def close(self) -> None:
        """See `Broker.close`."""
        connection, self._connection, self._exchange = self._connection, None, None
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


_TROUBLE: Final = (AMQPError, ChannelInvalidStateError, OSError, TimeoutError, RuntimeError, ValueError)
