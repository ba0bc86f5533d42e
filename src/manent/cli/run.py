"""`manent run`: serve the assistant until SIGINT or SIGTERM."""

import contextlib
import gc
import importlib
import ipaddress
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from manent.cli.action_process import action_server
from manent.cli.secret_options import read_secret
from manent.cli.shared_options import (
    MODELS,
    Credentials,
    Debug,
    Endpoints,
    KeyPassword,
    KeyPasswordFile,
    Model,
    Quiet,
    Verbose,
    log_level,
)

EVERYWHERE = "0.0.0.0"  # noqa: S104  # reachable from other machines, as in Rasa
LOOPBACK = FORWARDED_DEFAULT = "127.0.0.1"

Interface = Annotated[
    str | None,
    typer.Option(
        "-i",
        "--interface",
        metavar="ADDRESS",
        help="Address to listen on. Default: 0.0.0.0; with --desk: 127.0.0.1.",
        show_default=False,
    ),
]
Port = Annotated[int, typer.Option("-p", "--port", metavar="N", min=1, max=65535, help="Port to listen on.")]
Cors = Annotated[
    list[str] | None,
    typer.Option("--cors", metavar="ORIGIN...", help="Origins of other sites whose pages may connect. * allows all."),
]
EnableApi = Annotated[bool, typer.Option("--enable-api", help="Serve the management API.")]
Token = Annotated[
    str | None,
    typer.Option(
        "-t",
        "--auth-token",
        metavar="TOKEN",
        help="Token that the management API requires. Safer alternatives: --auth-token-file or $MANENT_AUTH_TOKEN.",
    ),
]
TokenFile = Annotated[
    Path | None, typer.Option("--auth-token-file", metavar="FILE", help="File that contains this token.")
]
JwtSecret = Annotated[
    str | None,
    typer.Option(
        "--jwt-secret",
        metavar="KEY",
        help="Key that verifies JSON web tokens for the management API. Safer alternatives: --jwt-secret-file or"
        " $MANENT_JWT_SECRET.",
    ),
]
JwtSecretFile = Annotated[
    Path | None, typer.Option("--jwt-secret-file", metavar="FILE", help="File that contains this key.")
]
JwtRequireExp = Annotated[bool, typer.Option("--jwt-require-exp", help="Reject JSON web tokens without `exp`.")]
JwtMethod = Annotated[
    str, typer.Option("--jwt-method", metavar="NAME", help="Signature algorithm of the JSON web tokens.")
]
Connector = Annotated[
    str | None, typer.Option("--connector", metavar="CHANNEL", help="Serve only this channel.", show_default=False)
]
LogFile = Annotated[Path | None, typer.Option("--log-file", metavar="FILE", help="Also log to this file.")]
WithActions = Annotated[
    bool, typer.Option("--with-actions", help="Also start the action server, and stop it when the server stops.")
]
DeskFlag = Annotated[
    bool,
    typer.Option("--desk", help="Serve the desk, where people answer in place of the bot, and print a link to it."),
]
Certificate = Annotated[
    Path | None,
    typer.Option(
        "--ssl-certificate", metavar="FILE", help="Certificate file. With this option, the server uses HTTPS."
    ),
]
Keyfile = Annotated[Path | None, typer.Option("--ssl-keyfile", metavar="FILE", help="Private key of the certificate.")]
LameDuck = Annotated[
    float,
    typer.Option(
        "--lame-duck",
        metavar="SECONDS",
        min=0.0,
        max=3600.0,
        help="After SIGTERM, continue to serve for this time, while /health/ready returns status 503.",
    ),
]
ForwardedAllowIps = Annotated[
    str,
    typer.Option(
        "--forwarded-allow-ips",
        metavar="ADDRESSES",
        help="Addresses of proxies whose header X-Forwarded-For is trusted. * trusts all.",
    ),
]
RemoteStorage = Annotated[
    str | None,
    typer.Option(
        "--remote-storage",
        metavar="STORAGE",
        help="Load models from aws, gcs, azure, or a URL such as s3://bucket/models.",
        show_default=False,
    ),
]
PositionalModel = Annotated[Path | None, typer.Argument(metavar="MODEL", help="Same as --model.")]


def run(
    *,
    model_path: PositionalModel = None,
    model: Model = MODELS,
    remote_storage: RemoteStorage = None,
    interface: Interface = None,
    port: Port = 5005,
    cors: Cors = None,
    enable_api: EnableApi = False,
    auth_token: Token = None,
    auth_token_file: TokenFile = None,
    jwt_secret: JwtSecret = None,
    jwt_secret_file: JwtSecretFile = None,
    jwt_require_exp: JwtRequireExp = False,
    jwt_method: JwtMethod = "HS256",
    credentials: Credentials = None,
    endpoints: Endpoints = None,
    connector: Connector = None,
    with_actions: WithActions = False,
    desk: DeskFlag = False,
    forwarded_allow_ips: ForwardedAllowIps = FORWARDED_DEFAULT,
    lame_duck: LameDuck = 2.0,
    log_file: LogFile = None,
    ssl_certificate: Certificate = None,
    ssl_keyfile: Keyfile = None,
    ssl_password: KeyPassword = None,
    ssl_password_file: KeyPasswordFile = None,
    verbose: Verbose = 0,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Serve the assistant: its web chat, its channels and, with --enable-api, its management API."""
    gc.disable()  # garbage collection is disabled until the server is running, because loading produces no garbage
    _leave_clients_out()
    from manent.server.options import ServeOptions
    from manent.server.serving import serve

    if desk:
        _check_desk(interface, has_tls=ssl_certificate is not None, has_proxy=forwarded_allow_ips != FORWARDED_DEFAULT)
    token, token_warnings = read_secret("--auth-token", auth_token, auth_token_file)
    key, key_warnings = read_secret("--jwt-secret", jwt_secret, jwt_secret_file)
    password, password_warnings = read_secret("--ssl-password", ssl_password, ssl_password_file)
    options = ServeOptions(
        root=Path(),
        model=model_path or model,
        remote_storage=remote_storage,
        host=interface or (LOOPBACK if desk else EVERYWHERE),
        desk=desk,
        port=port,
        cors=tuple(origin.rstrip("/") for origin in cors or ()),
        enable_api=enable_api,
        auth_token=token,
        jwt_secret=key,
        jwt_require_exp=jwt_require_exp,
        jwt_method=jwt_method,
        credentials=credentials,
        endpoints=endpoints,
        connector=connector,
        forwarded_allow_ips=forwarded_allow_ips,
        lame_duck_s=lame_duck,
        log_file=log_file,
        log_level=logging.getLevelName(log_level(verbose=verbose, debug=debug, quiet=quiet)),
        ssl_certfile=ssl_certificate,
        ssl_keyfile=ssl_keyfile,
        ssl_password=password,
        warnings=(*token_warnings, *key_warnings, *password_warnings),
    )
    for stopping in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stopping, _end)
    with action_server(endpoints) if with_actions else contextlib.nullcontext():
        serve(options, ready=_announce)


def _leave_clients_out() -> None:
    """Import python-socketio without the libraries for its client and its message queues, which saves 0.15 s or more.

    If they are installed, Redis' client imports OpenTelemetry.
    """
    libraries = ("aiohttp", "requests", "websocket", "redis", "valkey", "kombu", "aio_pika", "kafka", "zmq")
    clients = [name for name in libraries if name not in sys.modules]
    sys.modules.update(dict.fromkeys(clients))  # type: ignore[arg-type]  # None makes an import of the module fail
    importlib.import_module("socketio")
    for name in clients:
        del sys.modules[name]


def _end(*_: object) -> None:
    """Exit with status 0. uvicorn raises the signal again after a clean shutdown."""
    sys.exit(0)


def _announce(address: str, links: Sequence[str]) -> None:
    print(f"Manent is up at {address} (press Ctrl-C to stop)", flush=True)
    for link in links:
        print(f"Sign in to the desk within 24 hours: {address.rstrip('/')}{link}", flush=True)


def _check_desk(interface: str | None, *, has_tls: bool, has_proxy: bool) -> None:
    """Check that the desk is not served to other machines without encryption."""
    if interface is not None and not has_tls and not has_proxy and not _is_loopback(interface):
        raise typer.BadParameter(
            "--desk with --interface needs TLS: add --ssl-certificate, or --forwarded-allow-ips if a proxy in front "
            "of the server uses TLS, or omit --interface to serve only this machine"
        )


def _is_loopback(interface: str) -> bool:
    try:
        return ipaddress.ip_address(interface).is_loopback
    except ValueError:
        return interface == "localhost"
