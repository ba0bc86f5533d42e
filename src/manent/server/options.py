"""What `manent run` was asked for."""

import os
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """Options of one server process; names follow `rasa run`'s flags.

    Attributes:
        root: the project's directory; relative paths below are taken from it.
        model: a model file, or a directory whose newest one is taken.
        cors: origins that pages may come from, besides the server's own; `*` for all.
        connector: only this channel, whatever `credentials.yml` says.
        log_file: logs are appended to it, besides standard error.
        log_json: one JSON object a line; also with `MANENT_LOG_FORMAT=json` in the environment.
    """

    root: Path = field(default_factory=Path)
    model: Path = Path("models")
    host: str = "0.0.0.0"  # noqa: S104  # a server is for others, as Rasa's is
    port: int = 5005
    cors: tuple[str, ...] = ()
    enable_api: bool = False
    auth_token: str | None = None
    jwt_secret: str | None = None
    jwt_method: str = "HS256"
    credentials: Path | None = None
    endpoints: Path | None = None
    connector: str | None = None
    log_file: Path | None = None
    log_level: str = "INFO"
    log_json: bool = field(default_factory=lambda: os.environ.get("MANENT_LOG_FORMAT", "").lower() == "json")
    forwarded_allow_ips: str = "127.0.0.1"
    ssl_certfile: Path | None = None
    ssl_keyfile: Path | None = None
    ssl_password: str | None = None
