"""The event broker that publishes to RabbitMQ.

Like Rasa's `pika` broker, it uses a fanout exchange with durable queues.

A message counts as published once RabbitMQ has routed it to a queue and confirmed it. After any error, the connection
is closed and opened again. The publisher logs the error and waits before it connects again. So the library's own log is
disabled.
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

from manent.brokers.error_text import describe_error
from manent.core.errors import BrokerError
from manent.runtime.ports.broker import Outgoing

log = logging.getLogger("manent.broker")

CONNECT_TIMEOUT_S: Final = 8.0
CLOSE_TIMEOUT_S: Final = 2.0

MAX_UNCONFIRMED: Final = 256
"""Maximum number of unconfirmed messages.

Each of them is a task, and thousands of tasks would block the event loop too long.
"""

EXCHANGE: Final = "rasa-exchange"
QUEUE: Final = "rasa_core_events"

_PERSISTENT: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RabbitMq:
    """The destination of messages.

    Attributes:
        url: `amqp://` or `amqps://`, with the account.
        exchange: name of a fanout exchange.
        queues: names of durable queues that are bound to the exchange.
        environment: value of `app_id` in each message, by which consumers can distinguish installations.
        certificate: file with the client certificate, for `amqps`.
        key: file with the private key of the client certificate.
    """

    url: URL
    exchange: str = EXCHANGE
    queues: tuple[str, ...] = (QUEUE,)
    environment: str | None = None
    certificate: str | None = None
    key: str | None = None


class RabbitMqBroker:
    """Implements `Broker` with one RabbitMQ channel and publisher confirms."""

    def __init__(self, options: RabbitMq) -> None:
        self.options = options
        self._connection: AbstractConnection | None = None
        self._channel: Channel | None = None
        logging.getLogger("aiormq").setLevel(logging.CRITICAL)

    async def connect(self) -> None:
        """Connect, and declare the exchange and the queues."""
        if self._channel is not None and not self._channel.is_closed:
            return
        await self.close()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                self._connection = await aiormq.connect(self.options.url, context=self._ssl())
                channel = await self._find_exchange(self._connection)
                for queue in self.options.queues:
                    await channel.queue_declare(queue, durable=True)
                    await channel.queue_bind(queue, self.options.exchange)
            self._channel = channel
        except _ERRORS as error:
            await self.close()
            raise self._error(error) from None  # the traceback can contain the address with the password

    async def _find_exchange(self, connection: AbstractConnection) -> Channel:
        """Use an existing exchange, such as a durable one, unchanged.

        Declare a missing exchange with the same options as Rasa.
        """
        channel = cast("Channel", await connection.channel(on_return_raises=True))
        try:
            await channel.exchange_declare(self.options.exchange, passive=True)
        except aiormq.ChannelNotFoundEntity:  # RabbitMQ has closed the channel with this error
            channel = cast("Channel", await connection.channel(on_return_raises=True))
            await channel.exchange_declare(self.options.exchange, exchange_type="fanout")
        return channel

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Publish messages. Tasks start in the order in which they are created, so messages are sent in order."""
        channel = self._channel
        if channel is None:
            raise BrokerError("broker_amqp", "not connected")
        try:
            for start in range(0, len(messages), MAX_UNCONFIRMED):
                async with asyncio.TaskGroup() as group:
                    for message in messages[start : start + MAX_UNCONFIRMED]:
                        group.create_task(self._publish(channel, message))
        except* _ERRORS as errors:
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
        """Close the connection."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            try:
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await connection.close()
            except _ERRORS as error:
                log.debug("error while closing the connection to RabbitMQ", extra={"error": describe_error(error)})

    def _ssl(self) -> ssl.SSLContext | None:
        if self.options.url.scheme != "amqps":
            return None
        context = ssl.create_default_context()
        if self.options.certificate is not None:
            context.load_cert_chain(self.options.certificate, self.options.key)
        return context

    def _error(self, error: BaseException) -> BrokerError:
        return BrokerError("broker_amqp", describe_error(error, [self.options.url.password]))


_ERRORS: Final = (aiormq.AMQPError, aiormq.ChannelInvalidStateError, OSError, TimeoutError, RuntimeError, ValueError)
