"""`manent run actions`: serve the project's custom actions, with rasa-sdk."""

import logging
import threading
from pathlib import Path
from typing import Annotated

import typer

from manent.cli.action_process import stop_when_stdin_ends
from manent.cli.secret_options import read_secret
from manent.cli.shared_options import (
    Debug,
    KeyPassword,
    KeyPasswordFile,
    Quiet,
    Verbose,
    log_level,
    set_up_logging,
)
from manent.core.errors import ActionError


def run_actions(
    *,
    actions: Annotated[str, typer.Option("--actions", metavar="MODULE", help="Package with the actions.")] = "actions",
    host: Annotated[
        str, typer.Option("-i", "--interface", metavar="ADDRESS", help="Address to listen on.")
    ] = "0.0.0.0",  # noqa: S104
    port: Annotated[int, typer.Option("-p", "--port", metavar="N", min=1, max=65535, help="Port to listen on.")] = 5055,
    cors: Annotated[
        list[str] | None, typer.Option("--cors", metavar="ORIGIN...", help="Origins that may send requests.")
    ] = None,
    auto_reload: Annotated[bool, typer.Option("--auto-reload", help="Reload actions when their files change.")] = False,
    ssl_certificate: Annotated[
        Path | None,
        typer.Option(
            "--ssl-certificate", metavar="FILE", help="Certificate file. With this option, the server uses HTTPS."
        ),
    ] = None,
    ssl_keyfile: Annotated[
        Path | None, typer.Option("--ssl-keyfile", metavar="FILE", help="Private key of the certificate.")
    ] = None,
    ssl_password: KeyPassword = None,
    ssl_password_file: KeyPasswordFile = None,
    stop_with_stdin: Annotated[bool, typer.Option("--stop-with-stdin", hidden=True)] = False,
    verbose: Verbose = 0,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Serve the project's custom actions over the protocol of Rasa's action server."""
    set_up_logging(log_level(verbose=verbose, debug=debug, quiet=quiet))
    password, warnings = read_secret("--ssl-password", ssl_password, ssl_password_file)
    for warning in warnings:
        logging.getLogger("manent.actions").warning(warning)
    if stop_with_stdin:
        threading.Thread(target=stop_when_stdin_ends, daemon=True).start()

    from manent.actions.server import serve

    try:
        serve(
            actions,
            host=host,
            port=port,
            cors=cors,
            auto_reload=auto_reload,
            ssl_certificate=str(ssl_certificate) if ssl_certificate else None,
            ssl_keyfile=str(ssl_keyfile) if ssl_keyfile else None,
            ssl_password=password,
            root=Path.cwd(),
        )
    except OSError as error:
        advice = "check --ssl-certificate and --ssl-keyfile" if ssl_certificate else "choose another one with --port"
        raise ActionError(
            "action_server_not_started",
            f"the action server could not start on port {port} ({error.strerror or error}); {advice}",
        ) from error
