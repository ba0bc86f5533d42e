"""Names, help texts and defaults of options that several commands have."""

import logging
import os
from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path | None, typer.Option("-c", "--config", metavar="FILE", help="Configuration file. Default: config.yml.")
]
Domain = Annotated[
    Path | None, typer.Option("-d", "--domain", metavar="PATH", help="Domain file or folder. Default: domain.yml.")
]
Data = Annotated[
    list[Path] | None,
    typer.Option("--data", metavar="PATH...", help="Files or folders with training data. Default: data."),
]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Output folder.")]
Model = Annotated[
    Path, typer.Option("-m", "--model", metavar="PATH", help="Model file, or a folder whose newest model is used.")
]
Credentials = Annotated[
    Path | None,
    typer.Option("--credentials", metavar="FILE", help="File that configures the channels. Default: credentials.yml."),
]
Endpoints = Annotated[
    Path | None,
    typer.Option(
        "--endpoints", metavar="FILE", help="File that configures servers and stores. Default: endpoints.yml."
    ),
]

KeyPassword = Annotated[
    str | None,
    typer.Option(
        "--ssl-password",
        metavar="TEXT",
        help="Password of the private key. Safer alternatives: --ssl-password-file or $MANENT_SSL_PASSWORD.",
    ),
]
KeyPasswordFile = Annotated[
    Path | None, typer.Option("--ssl-password-file", metavar="FILE", help="File that contains this password.")
]

Verbose = Annotated[
    int, typer.Option("-v", "--verbose", count=True, help="Log more details. -vv logs everything.", show_default=False)
]
Debug = Annotated[bool, typer.Option("--debug", help="Log everything.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Log only warnings and errors.")]

MODELS = Path("models")


def log_level(*, verbose: int = 0, debug: bool = False, quiet: bool = False) -> int:
    """Return the log level that the flags select, or that of `LOG_LEVEL` if no flag is set. The default is INFO."""
    if quiet:
        return logging.WARNING
    if debug or verbose > 1:
        return logging.DEBUG
    if verbose == 1:
        return logging.INFO
    named = logging.getLevelNamesMapping().get(os.environ.get("LOG_LEVEL", "").upper())
    return named if named is not None else logging.INFO


def set_up_logging(level: int) -> None:
    """Log to standard error, one line for each event. `server/logs.py` configures the server's logs."""
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S")
