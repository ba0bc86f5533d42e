"""A real RabbitMQ for tests: a temporary node that writes only to a temporary folder."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import aiormq
from aiormq import spec
from aiormq.abc import DeliveredMessage

from support.certificates import self_signed
from support.ports import free_port
from support.processes import wait_for


def program() -> Path | None:
    """Return RabbitMQ's server program; None if it is not installed (Debian: rabbitmq-server)."""
    inside = sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin/rabbitmq-server"), reverse=True)
    if inside:
        return inside[0]  # the program on the PATH switches to another user account
    found = shutil.which("rabbitmq-server")
    return Path(found) if found is not None else None


def greets(port: int) -> bool:
    """Return whether RabbitMQ answers the greeting of a client."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as probe:
            probe.sendall(b"AMQP\x00\x00\x09\x01")
            return probe.recv(1) == b"\x01"
    except OSError:
        return False


class Node:
    """A RabbitMQ node. Its account is `guest` with the password `guest`.

    It also listens with TLS, under the name `localhost`.

    Attributes:
        certificate: file with the node's certificate, which is also the certificate of the authority.
    """

    def __init__(self, folder: Path, server: Path) -> None:
        self.port = free_port()
        self.tls_port = free_port()
        self.certificate, key = self_signed(folder)
        (folder / "rabbitmq.conf").write_text(
            f"listeners.ssl.default = 127.0.0.1:{self.tls_port}\nssl_options.cacertfile = {self.certificate}\n"
            f"ssl_options.certfile = {self.certificate}\nssl_options.keyfile = {key}\n"
            "ssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = false\n"
        )
        self._folder = folder
        self._server = server
        self._process: subprocess.Popen[bytes] | None = None
        self._environment = os.environ | {
            "HOME": str(folder),
            "RABBITMQ_NODENAME": f"manent{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "ERL_EPMD_PORT": str(free_port()),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }

    @property
    def url(self) -> str:
        """The URL of the node, with the account."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    @property
    def tls_url(self) -> str:
        """The URL of the node for connections with TLS."""
        return f"amqps://guest:guest@localhost:{self.tls_port}/"

    def start(self) -> None:
        """Start the node; return when it responds to the protocol. It accepts connections earlier than that."""
        self._process = subprocess.Popen(
            [self._server],
            cwd=self._folder,  # Mnesia writes its core dumps to the working directory
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_for(lambda: greets(self.port), "RabbitMQ")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop the node, with an orderly shutdown or by killing it."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, how)
            process.wait(60)


async def read(url: str, queue: str) -> list[DeliveredMessage]:
    """Remove all messages from a queue and return them."""
    found: list[DeliveredMessage] = []
    connection = await aiormq.connect(url)
    channel = await connection.channel()
    await channel.queue_declare(queue, durable=True)
    while not isinstance((message := await channel.basic_get(queue, no_ack=True)).delivery, spec.Basic.GetEmpty):
        found.append(message)
    await connection.close()
    return found


@contextlib.contextmanager
def running(server: Path) -> Iterator[Node]:
    """Run a new node in a separate folder, which is removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="manent-rabbitmq-"))
    node = Node(folder, server)
    try:
        node.start()
        yield node
    finally:
        node.stop(signal.SIGKILL)
        epmd = shutil.which("epmd")
        if epmd is not None:
            subprocess.run([epmd, "-kill"], env=node._environment, capture_output=True, check=False, timeout=20)
        shutil.rmtree(folder, ignore_errors=True)
