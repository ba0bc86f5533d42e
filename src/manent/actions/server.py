"""The action server for `manent run actions`: rasa-sdk's server with the project's unmodified actions.

`cli/` calls `serve`, which returns after SIGTERM or SIGINT. By default, the server listens on port 5055. Its paths are
`/webhook`, `/actions` and `/health`, as in Rasa. The action server is a separate process, so this module must not
import the runtime.
"""

import asyncio
import logging
import os
import signal
import ssl
import threading
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import FrameType

from manent.actions.sdk import load_executor

DEFAULT_PORT = 5055
KEEP_ALIVE_S = 120

GRACE_S = 0.5
"""Time that connections may take to close after a signal.

The action server does not wait for running actions. The bot's server reports their failure to the visitor.
"""

log = logging.getLogger("manent.actions")


def serve(
    actions_module: str = "actions",
    *,
    host: str = "0.0.0.0",  # noqa: S104  # all interfaces, as in Rasa, because the bot often runs on another machine
    port: int = DEFAULT_PORT,
    cors: str | Sequence[str] | None = None,
    auto_reload: bool = False,
    ssl_certificate: str | None = None,
    ssl_keyfile: str | None = None,
    ssl_password: str | None = None,
    root: Path | None = None,
    endpoints: str = "endpoints.yml",
) -> None:
    """Serve the project's actions until SIGTERM or SIGINT.

    Like the SDK's command, the server uses one process and one event loop, so an action that blocks delays other
    actions. Actions in the bot's process (`actions_module` in `endpoints.yml`) do not have this limit.

    Args:
        actions_module: package or module of the project.
        host: address to listen on.
        port: port to listen on. With 0, the system chooses a free port.
        cors: origins whose pages can send requests. Default: none.
        auto_reload: whether to reload changed modules before each call.
        ssl_certificate: file with the certificate chain. The server then serves HTTPS.
        ssl_keyfile: file with the private key.
        ssl_password: password of the private key.
        root: the project's folder. Default: the current folder.
        endpoints: file, relative to the current folder, with an optional section `tracing:`.

    Raises:
        ProjectError: rasa-sdk is not installed, or the actions cannot be imported.
        OSError: the port is in use, or the certificate cannot be read.
    """
    executor = load_executor(actions_module, root=root or Path.cwd())
    with warnings.catch_warnings():
        # Hide deprecation warnings from newer SDKs and Sanic. Also hide the warning that the versions of rasa and
        # rasa_sdk might not be compatible. The versions are compatible, because the protocol has not changed.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", message="Your versions of rasa")
        from rasa_sdk import endpoint

        app = endpoint.create_app(executor, cors_origins=list(_origins(cors)), auto_reload=auto_reload)
        app.config.KEEP_ALIVE_TIMEOUT = KEEP_ALIVE_S
        app.config.GRACEFUL_SHUTDOWN_TIMEOUT = 0.0
        app.config.USE_UVLOOP = False  # uvloop would deliver signals only after the running action has finished
        if _asks_for_tracing(Path(endpoints)):
            app.register_listener(partial(endpoint.load_tracer_provider, endpoints), "before_server_start")
        endpoint.plugin_manager().hook.attach_sanic_app_extensions(app=app)
        names = sorted(action.name for action in executor.list_actions())
        log.info("%d actions: %s", len(names), ", ".join(names) or "none")
        scheme = "https" if ssl_certificate else "http"
        log.info("Action server on %s://%s:%d", scheme, host, port)
        context = None
        if ssl_certificate:
            # The SDK's own function accepts no certificate without `subjectAltName`, and no key in the same file.
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(ssl_certificate, ssl_keyfile, ssl_password)
        app.register_listener(_stop_on_signals, "after_server_start")
        # Without `single_process`, Sanic would start a manager process and fork workers.
        app.run(
            host=host,
            port=port,
            ssl=context,
            single_process=True,
            register_sys_signals=False,
            motd=False,
            access_log=False,
        )


def _asks_for_tracing(endpoints: Path) -> bool:
    return endpoints.is_file() and "tracing:" in endpoints.read_text(encoding="utf-8")


def _stop_on_signals(_app: object, loop: asyncio.AbstractEventLoop) -> None:
    """Exit on SIGTERM and SIGINT, even while an action blocks the event loop.

    Sanic's handlers would wait for the event loop.
    """

    def stop(_signal: int, _frame: FrameType | None) -> None:
        last_resort = threading.Timer(GRACE_S, os._exit, (0,))
        last_resort.daemon = True
        last_resort.start()
        loop.call_soon_threadsafe(loop.stop)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def _origins(cors: str | Sequence[str] | None) -> Sequence[str]:
    if cors is None:
        return ()
    return cors.split() if isinstance(cors, str) else cors
