"""The options of `type: pika`. The library for RabbitMQ is imported when the broker is created."""

import os
from typing import Any

import msgspec

from manent.extensions.finding import Site
from manent.extensions.options import Secret, WrongOption
from manent.runtime.ports.broker import Broker

PORT = 5672


class PikaOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of `type: pika`, which is named after the library that Rasa uses.

    Attributes:
        url: a host, or a URL that starts with amqp:// or amqps://.
        port: port of the host.
        username: user name on the host.
        password: its password.
        queues: names of the durable queues that receive the messages.
        exchange_name: name of the exchange.
        should_keep_unpublished_messages: accepted and ignored, because unpublished messages are always kept.
        raise_on_failure: accepted and ignored, because failures are logged and the messages are published later.
        connection_attempts: accepted and ignored, because the broker retries the connection until it succeeds.
        retry_delay_in_seconds: accepted and ignored.
        loglevel: accepted and ignored.
    """

    url: str
    port: int | str | None = None
    username: str | None = None
    password: Secret | None = None
    queues: str | list[str] | None = None
    exchange_name: str | None = None
    should_keep_unpublished_messages: bool = True
    raise_on_failure: bool = False
    connection_attempts: int = 20
    retry_delay_in_seconds: float = 5
    loglevel: str | int | None = None

    def __post_init__(self) -> None:
        """Check the address.

        Raises:
            WrongOption: the URL has another scheme.
        """
        scheme, separator, _ = self.url.partition("://")
        expected = "a host, or a URL that starts with amqp:// or amqps://"
        if not self.url.strip():
            raise WrongOption("url", expected)
        if separator and scheme not in ("amqp", "amqps"):
            raise WrongOption("url", expected, found=f'a URL that starts with "{scheme}://"')


class PikaBroker:
    """Creates the broker for RabbitMQ."""

    options = PikaOptions

    @classmethod
    def from_options(cls, options: PikaOptions, _: Site) -> Broker:
        """Return an unconnected broker."""
        from yarl import URL

        from manent.brokers.rabbitmq import EXCHANGE, QUEUE, RabbitMq, RabbitMqBroker

        queues = options.queues or (QUEUE,)
        return RabbitMqBroker(
            RabbitMq(
                url=_address(options, URL),
                exchange=options.exchange_name or EXCHANGE,
                queues=(queues,) if isinstance(queues, str) else tuple(queues),
                environment=os.environ.get("RASA_ENVIRONMENT"),
                certificate=os.environ.get("RABBITMQ_SSL_CLIENT_CERTIFICATE"),
                key=os.environ.get("RABBITMQ_SSL_CLIENT_KEY"),
            )
        )


def _address(options: PikaOptions, url: Any) -> Any:
    """Return the URL from the options, or build it from the host. Add account and port if they are missing."""
    given = options.url
    address = url(given) if "://" in given else url.build(scheme="amqp", host=given, port=PORT, path="/")
    if options.port and (address.explicit_port is None or "://" not in given):
        address = address.with_port(int(options.port))
    if options.username and address.user is None:
        address = address.with_user(options.username)
        if options.password is not None:
            address = address.with_password(options.password)
    return address
