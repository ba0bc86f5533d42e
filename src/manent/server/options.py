"""The options of `manent run`."""

import os
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """Options of one server process. They have the same names as the flags of `rasa run`.

    Attributes:
        root: the project's folder, to which the other paths are relative.
        model: a model file, or a folder whose newest model is used.
        remote_storage: source of the model: `aws`, `gcs`, `azure`, or the URL of an object store. By default, `models:`
            in `endpoints.yml` or `model` specifies the source.
        cors: origins of other sites whose pages may connect. `*` allows all sites.
        connector: the only channel from `credentials.yml` to serve. By default, all channels are served.
        log_file: file to which the server also logs.
        log_json: whether to log one JSON object per line. `MANENT_LOG_FORMAT=json` in the environment has the same
            effect.
        jwt_require_exp: whether the management API rejects tokens without `exp`.
        desk: whether to serve the desk even if `endpoints.yml` does not configure it, and to print a link for it.
        demo: whether to serve the page of the demo, which can kill the server.
        warnings: warnings about the command line, to log at the start.
        lame_duck_s: number of seconds after SIGTERM during which the server still serves all requests but reports that
            it is not ready.
    """

    root: Path = field(default_factory=Path)
    model: Path = Path("models")
    remote_storage: str | None = None
    host: str = "0.0.0.0"  # noqa: S104  # as in Rasa, reachable from other machines
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
    desk: bool = False
    demo: bool = False
