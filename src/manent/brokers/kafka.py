"""The event broker that publishes to Kafka. The options are those of Rasa's `kafka` broker.

Each message goes to a partition that depends only on its conversation, so the messages of a conversation stay in order.
The producer is idempotent: if it sends a message again within a connection, Kafka stores the message once. After an
error, the connection is closed and opened again. The library for Kafka is imported when the broker connects.
"""

import asyncio
import os
import ssl
import zlib
from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

from manent.brokers.error_text import describe_error
from manent.core.errors import BrokerError
from manent.extensions.finding import Site
from manent.extensions.options import Secret, WrongOption
from manent.runtime.ports.broker import Broker, Outgoing

CONNECT_TIMEOUT_S: Final = 10.0
PUBLISH_TIMEOUT_S: Final = 20.0
CLOSE_TIMEOUT_S: Final = 2.0
MAX_MESSAGE: Final = 16 * 1024 * 1024
"""Maximum size of a message in bytes. Kafka's own limit (`message.max.bytes`) is often lower."""


class KafkaOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of `type: kafka`.

    Attributes:
        url: `host:port` of a server, or a list of them.
        topic: name of the topic.
        client_id: name of this client in Kafka's logs.
        partition_by_sender: whether the key of each message is the id of its conversation. Otherwise, messages have no
            key.
        security_protocol: whether connections use SASL and TLS.
        sasl_mechanism: how the client signs in.
        sasl_username: user name. Required with SASL.
        sasl_password: its password. Required with SASL.
        ssl_cafile: file with the certificates of the authorities. By default, those of the system are used.
        ssl_certfile: file with the client certificate.
        ssl_keyfile: file with the private key of the client certificate.
        ssl_check_hostname: whether the name in the server's certificate is checked.
    """

    url: str | list[str]
    topic: str = "rasa_core_events"
    client_id: str | None = None
    partition_by_sender: bool = False
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "SASL_PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    sasl_username: str | None = None
    sasl_password: Secret | None = None
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None
    ssl_check_hostname: bool = False

    def __post_init__(self) -> None:
        """Check that the options are valid together.

        Raises:
            WrongOption: the address is empty, or SASL has no account.
        """
        if not self.url:
            raise WrongOption("url", "the address of a server, for example kafka.example:9092")
        if self.security_protocol.startswith("SASL") and not (self.sasl_username and self.sasl_password):
            raise WrongOption(
                "security_protocol",
                "sasl_username and sasl_password",
                found=f"{self.security_protocol} without an account",
                suggestion="If Kafka needs no account, write `security_protocol: PLAINTEXT` or `SSL`",
            )


class KafkaBroker:
    """Implements `Broker` with one idempotent producer."""

    options = KafkaOptions

    def __init__(self, options: KafkaOptions) -> None:
        import aiokafka

        self._library: Any = aiokafka
        self._options = options
        self._producer: Any = None
        self._partitions: list[int] = []
        environment = os.environ.get("RASA_ENVIRONMENT")
        self._headers = [("RASA_ENVIRONMENT", environment.encode())] if environment else []

    @classmethod
    def from_options(cls, options: KafkaOptions, _: Site) -> Broker:
        """Return an unconnected broker."""
        return cls(options)

    async def connect(self) -> None:
        """Connect, and read the partitions of the topic."""
        if self._producer is not None:
            return
        options = self._options
        try:
            producer = self._library.AIOKafkaProducer(
                bootstrap_servers=options.url,
                client_id=options.client_id or "manent",
                enable_idempotence=True,
                max_request_size=MAX_MESSAGE,
                security_protocol=options.security_protocol,
                ssl_context=self._ssl(),
                sasl_mechanism=options.sasl_mechanism,
                sasl_plain_username=options.sasl_username,
                sasl_plain_password=options.sasl_password,
            )
            self._producer = producer
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await producer.start()
                self._partitions = sorted(await producer.partitions_for(options.topic))
        except self._errors() as error:
            await self.close()
            raise self._error(error) from None  # the traceback can contain the password

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Publish messages, and wait until all replicas have stored them."""
        if self._producer is None:
            raise BrokerError("broker_kafka", "not connected")
        try:
            async with asyncio.timeout(PUBLISH_TIMEOUT_S):
                stored = [await self._send(message) for message in messages]
                await asyncio.gather(*stored)
        except self._errors() as error:
            await self.close()
            raise self._error(error) from None

    async def _send(self, message: Outgoing) -> Any:
        """Add a message to the producer's queue. Return a future, which is done when Kafka has stored the message."""
        sender = message.sender_id.encode(errors="replace")
        partition = self._partitions[zlib.crc32(sender) % len(self._partitions)]
        return await self._producer.send(
            self._options.topic,
            message.body,
            key=sender if self._options.partition_by_sender else None,
            partition=None if self._options.partition_by_sender else partition,
            headers=[*self._headers, ("message_id", message.key.encode())],
        )

    async def close(self) -> None:
        """Close the connection."""
        producer, self._producer = self._producer, None
        if producer is not None:
            try:
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await producer.stop()
            except self._errors():
                return  # a closed connection cannot be closed again, and unpublished messages are published later

    def _ssl(self) -> ssl.SSLContext | None:
        options = self._options
        if not options.security_protocol.endswith("SSL"):
            return None
        context = ssl.create_default_context(cafile=options.ssl_cafile)
        context.check_hostname = options.ssl_check_hostname
        if options.ssl_certfile is not None:
            context.load_cert_chain(options.ssl_certfile, options.ssl_keyfile)
        return context

    def _errors(self) -> tuple[type[Exception], ...]:
        return self._library.errors.KafkaError, OSError, TimeoutError, ValueError, AssertionError

    def _error(self, error: BaseException) -> BrokerError:
        return BrokerError("broker_kafka", describe_error(error, [self._options.sasl_password]))
