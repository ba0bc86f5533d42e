"""The action server, `manent run actions`: the real rasa-sdk's, with the project's action code unmodified.

`cli/` calls `serve`, which returns when the server was told to stop. Listens on the port and the paths where a Rasa
project's `endpoints.yml` expects it (5055; `/webhook`, `/actions`, `/health`). Must not import anything of a
conversation: it is a process of its own.
"""

import asyncio
import logging
import os
import signal
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
"""How long connections have to close after a signal. An action that is running is not waited for: the bot's server
notices, and tells the visitor."""

log = logging.getLogger("manent.actions")


def serve(
    actions_module: str = "actions",
    *,
    host: str = "0.0.0.0",  # noqa: S104  # as Rasa's: the bot often runs on another machine
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

    One process and one event loop, as with the SDK's own command: an action that blocks delays the others. Actions
    in the bot's process (`actions_module` in `endpoints.yml`) don't.

    Args:
        actions_module: package or module of the project.
        host: address to listen on.
        port: 0 lets the system choose.
        cors: origins whose pages may call it; none by default.
        auto_reload: look for changed modules before each call.
        ssl_certificate: file with the certificate chain; serves HTTPS.
        ssl_keyfile: file with its key.
        ssl_password: of that key.
        root: the project's directory; the current one by default.
        endpoints: where `tracing:` may stand, relative to the current directory.

    Raises:
        ProjectError: rasa-sdk is not installed, or the actions cannot be imported.
        OSError: the port is taken.
    """
    executor = load_executor(actions_module, root=root or Path.cwd())
    with warnings.catch_warnings():
        # What newer SDKs and Sanic say to their own authors, and "your versions of rasa and rasa_sdk might not be
        # compatible": they are; the protocol has not changed.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", message="Your versions of rasa")
        from rasa_sdk import endpoint

        app = endpoint.create_app(executor, cors_origins=list(_origins(cors)), auto_reload=auto_reload)
        app.config.KEEP_ALIVE_TIMEOUT = KEEP_ALIVE_S
        app.config.GRACEFUL_SHUTDOWN_TIMEOUT = 0.0
        app.config.USE_UVLOOP = False  # it keeps signals back until the running action has ended
        if _asks_for_tracing(Path(endpoints)):
            app.register_listener(partial(endpoint.load_tracer_provider, endpoints), "before_server_start")
        endpoint.plugin_manager().hook.attach_sanic_app_extensions(app=app)
        names = sorted(action.name for action in executor.list_actions())
        log.info("%d actions: %s", len(names), ", ".join(names) or "none")
        scheme = "https" if ssl_certificate else "http"
        log.info("Action server on %s://%s:%d", scheme, host, port)
        ssl = endpoint.create_ssl_config(ssl_certificate, ssl_keyfile, ssl_password) if ssl_certificate else None
        app.register_listener(_stop_on_signals, "after_server_start")
        # Sanic's own workers would be forked processes with a manager beside them.
        app.run(
            host=host,
            port=port,
            ssl=ssl,
            single_process=True,
            register_sys_signals=False,
            motd=False,
            access_log=False,
        )


def _asks_for_tracing(endpoints: Path) -> bool:
    return endpoints.is_file() and "tracing:" in endpoints.read_text(encoding="utf-8")


def _stop_on_signals(_app: object, loop: asyncio.AbstractEventLoop) -> None:
    """End at SIGTERM and SIGINT, whatever an action is doing; Sanic's handlers wait until it lets the loop run."""

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
