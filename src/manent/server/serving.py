"""Runs the application in uvicorn until a signal arrives, and stops without errors for clients."""

import asyncio
import contextlib
import contextvars
import gc
import logging
import os
import resource
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import uvicorn

from manent.channels.socketio.send_queue import MAX_PACKET
from manent.server import logs
from manent.server.app import DRAIN_S, Application, build
from manent.server.edge.connections import HttpConnection, WebSocketConnection
from manent.server.options import ServeOptions

log = logging.getLogger("manent.server")

MOVE_S = 3.0
"""Time limit for plain clients to leave during a shutdown. The server still accepts messages."""

READ_S = 0.5
"""Time limit for the rest of partly received requests to arrive during a shutdown."""

POLL_S = 0.02
"""Pause between two checks of the HTTP connections during a shutdown."""

FLUSH_S = 5.0
"""Time limit for sending the queued replies during a shutdown."""


def serve(options: ServeOptions, *, ready: Callable[[str, Sequence[str]], None] | None = None) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        options: the options of the command line.
        ready: called with the URL of the web chat page when the server accepts connections.

    Raises:
        ManentError: `build` failed, or a part cannot be opened.
    """
    _raise_file_limit()
    logs.set_up(options.log_level, file=options.log_file, as_json=options.log_json)
    application = build(options)
    for note in application.notes:
        log.warning(note)
    config = uvicorn.Config(
        application.asgi,
        host=options.host,
        port=options.port,
        loop="uvloop",
        http=HttpConnection,
        ws=WebSocketConnection,
        ws_ping_interval=None,  # not used, because Engine.IO has its own heartbeat
        ws_max_size=4 * MAX_PACKET,  # in bytes; the channel limits the number of characters
        log_config=None,
        access_log=False,
        lifespan="off",  # uvicorn would print the traceback of a store that cannot be opened
        timeout_graceful_shutdown=int(DRAIN_S),
        forwarded_allow_ips=options.forwarded_allow_ips,
        server_header=False,
        ws_per_message_deflate=False,  # messages are short, so compression costs more CPU and memory than it saves
        ssl_certfile=options.ssl_certfile,
        ssl_keyfile=options.ssl_keyfile,
        ssl_keyfile_password=options.ssl_password,
    )
    scheme = "https" if options.ssl_certfile else "http"
    address = f"{scheme}://localhost:{options.port}/"
    _Server(config, application, options, lambda: ready(address, application.links) if ready else None).run()


class _Server(uvicorn.Server):
    """A uvicorn server that finishes turns and sends their replies before it closes connections.

    On SIGHUP, it reopens the log file and reloads the certificate.
    """

    def __init__(
        self, config: uvicorn.Config, application: Application, options: ServeOptions, ready: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self.application = application
        self.options = options
        self.ready = ready
        self._has_terminal = _has_terminal()
        self._draining: asyncio.Task[None] | None = None

    async def serve(self, sockets: list[Any] | None = None) -> None:
        """Serve while the parts are open."""
        async with self.application.opened():
            await super().serve(sockets)

    async def startup(self, sockets: list[Any] | None = None) -> None:
        """Start, then call `ready`."""
        if threading.current_thread() is threading.main_thread():
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._hang_up)
        await super().startup(sockets)
        _tune_garbage_collector()
        if self.started:
            self.ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Shut down gracefully at the first signal. Exit immediately at the second signal."""
        if self._draining is None and sig in (signal.SIGINT, signal.SIGTERM):
            # Without a separate context, the task's log lines would contain the id of the current turn.
            self._draining = asyncio.get_running_loop().create_task(
                self._drain(sig, frame), context=contextvars.Context()
            )
        elif self._draining is not None:
            # No acknowledged message is lost. A normal exit would wait for the threads of running actions.
            os._exit(128 + sig)
        else:
            super().handle_exit(sig, frame)

    async def _drain(self, sig: int, frame: FrameType | None) -> None:
        """Stop without errors for clients, if another server is running behind the same load balancer.

        At first, the server only reports that it is not ready. Next it closes its ports, but still accepts messages
        until pending requests have arrived and plain clients have left. Finally it rejects messages and finishes the
        running turns.
        """
        application = self.application
        try:
            application.shutdown.is_announced = True
            lame_duck_s = self.options.lame_duck_s if sig == signal.SIGTERM else 0.0  # not for Ctrl-C
            if lame_duck_s:
                log.info("stopping soon: not ready, but serving for %g s", lame_duck_s)
                await asyncio.sleep(lame_duck_s)
            await self._stop_listening()
            await asyncio.gather(self._receive_requests(), application.move_plain_clients(MOVE_S))
            await application.conversations.drain(within_s=DRAIN_S)
            await application.flush(FLUSH_S)
        finally:
            super().handle_exit(sig, frame)

    def _hang_up(self) -> None:
        """Handle SIGHUP: stop if the terminal was closed, else reopen the log file and reload the certificate."""
        if self._has_terminal and not _has_terminal():
            self.handle_exit(signal.SIGINT, None)
            return
        logs.reopen()
        options, context = self.options, self.config.ssl
        if options.ssl_certfile is not None and context is not None:
            try:
                for each in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), context):  # the first only tests the files
                    each.load_cert_chain(options.ssl_certfile, options.ssl_keyfile, options.ssl_password)
            except OSError as error:  # includes ssl.SSLError
                log.error(  # noqa: TRY400  # a traceback would add nothing
                    "the certificate cannot be reloaded; new connections still use the previous certificate",
                    extra={"file": str(options.ssl_certfile), "error": str(error)},
                )
                return
        log.info("reopened the log file and reloaded the certificate")

    async def _stop_listening(self) -> None:
        """Stop listening. First accept the connections in the system's queue, because they would otherwise be reset."""
        loop, config = asyncio.get_running_loop(), self.config
        waiting = [
            socket.socket(fileno=os.dup(listening.fileno())) for server in self.servers for listening in server.sockets
        ]
        for server in self.servers:
            server.close()
        for listening in waiting:
            accepted = []
            with listening, contextlib.suppress(BlockingIOError):
                listening.setblocking(False)
                while True:
                    accepted.append(listening.accept()[0])
            for connection in accepted:
                await loop.connect_accepted_socket(
                    lambda: HttpConnection(
                        config=config, server_state=self.server_state, app_state=self.lifespan.state
                    ),
                    connection,
                    ssl=config.ssl,
                )

    async def _receive_requests(self) -> None:
        """Close idle HTTP connections, and wait for the rest of partly received requests."""
        until = time.monotonic() + READ_S
        connections = [one for one in self.server_state.connections if isinstance(one, HttpConnection)]
        while connections and time.monotonic() < until:
            for connection in connections:
                connection.end()
            connections = [one for one in connections if one.is_reading]
            await asyncio.sleep(POLL_S)


def _has_terminal() -> bool:
    """Return whether the process has an open terminal."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _tune_garbage_collector() -> None:
    """Exclude the loaded objects from garbage collection, and collect less often than by default.

    Sockets, turns and models are freed by reference counting, so the collector only finds objects that a bug keeps
    alive. The number of new objects triggers a collection. Ten thousand open pages have half a million objects, and
    each full collection visits all of these objects.
    """
    gc.enable()
    gc.freeze()
    gc.set_threshold(10_000, 5, 5)


def _raise_file_limit() -> None:
    """Raise the limit on open files to the system's maximum, because each browser needs a socket."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
