"""The options of `manent run`."""

import os
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """Options of one server process; names follow `rasa run`'s flags.

    Attributes:
        root: the project's folder; the other paths are relative to it.
        model: a model file, or a folder, whose newest model is used.
        cors: origins of pages that may connect, besides the server's own; `*`: all.
        connector: serve only this channel of `credentials.yml`.
        log_file: also log to this file.
        jwt_require_exp: reject tokens of the management API without `exp`.
        warnings: about the command line, to be logged at the start.
        lame_duck_s: seconds for which the server still serves everything after SIGTERM, while it is not ready.
        log_json: log one JSON object per line; also set by `MANENT_LOG_FORMAT=json` in the environment.
    """

    root: Path = field(default_factory=Path)
    model: Path = Path("models")
    host: str = "0.0.0.0"  # noqa: S104  # reachable from other machines, as Rasa's
    port: int = 5005
    cors: tuple[str, ...] = ()
    enable_api: bool = False
    auth_token: str | None = None
    jwt_secret: str | None = None
    jwt_method: str = "HS256"
    jwt_require_exp: bool = False
    credentials: Path | None = None
    endpoints: Path | None = None
    connector: str | None = None
    lame_duck_s: float = 2.0
    log_file: Path | None = None
    log_level: str = "INFO"
    log_json: bool = field(default_factory=lambda: os.environ.get("MANENT_LOG_FORMAT", "").lower() == "json")
    forwarded_allow_ips: str = "127.0.0.1"
    ssl_certfile: Path | None = None
    ssl_keyfile: Path | None = None
    ssl_password: str | None = None
    warnings: tuple[str, ...] = ()
