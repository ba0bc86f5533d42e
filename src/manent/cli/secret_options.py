"""Options for secrets. Users can pass secrets on the command line, in a file, or in the environment.

Any user who can list the processes of a machine can read the command line, so each secret option `--NAME` has two other
sources: `--NAME-file FILE`, and the variable `MANENT_NAME`. Commands declare the options and call `read_secret`.
"""

import os
from pathlib import Path

import typer

MAX_FILE = 65_536
"""Maximum size in bytes of a file with a secret. Keys have at most a few kilobytes."""


def variable_of(option: str) -> str:
    """Return the name of an option's environment variable, for example `MANENT_AUTH_TOKEN` for `--auth-token`."""
    return "MANENT_" + option.removeprefix("--").replace("-", "_").upper()


def read_secret(option: str, given: str | None, file: Path | None) -> tuple[str | None, tuple[str, ...]]:
    """Return the secret, if any, and warnings for the user.

    Args:
        option: name of the option, for example `--auth-token`.
        given: value of the option on the command line.
        file: the value of `--…-file`.

    Raises:
        typer.BadParameter: both options were used, or the file cannot be read or is empty.
    """
    variable = variable_of(option)
    if given is not None and file is not None:
        raise typer.BadParameter(f"use either {option} or {option}-file")
    if file is not None:
        return _read_file(option, file), ()
    if given is not None:
        warning = (
            f"{option} is on the command line, so every user of this machine can read it in the list of processes."
            f" Use {option}-file or the environment variable {variable}"
        )
        return given, (warning,)
    return os.environ.get(variable) or None, ()


def _read_file(option: str, file: Path) -> str:
    try:
        with file.open(encoding="utf-8") as opened:
            text = opened.read(MAX_FILE).rstrip("\r\n")
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise typer.BadParameter(f"{option}-file {file} cannot be read: {reason}") from error
    if not text:
        raise typer.BadParameter(f"{option}-file {file} is empty: expected the secret in its first line")
    return text
