"""Secrets come from the command line, a file or the environment."""

from pathlib import Path

import pytest
import typer

from manent.cli.secret_options import read_secret


def test_sources_of_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line wins over the environment, with a warning that does not contain the secret; files have none."""
    file = tmp_path / "token"
    file.write_text("from a file\n")
    assert read_secret("--auth-token", None, None) == (None, ())
    monkeypatch.setenv("MANENT_AUTH_TOKEN", "from the environment")
    assert read_secret("--auth-token", None, None) == ("from the environment", ())
    assert read_secret("--auth-token", None, file) == ("from a file", ())
    given, (warning,) = read_secret("--auth-token", "s3cr3t", None)
    assert given == "s3cr3t"
    assert "s3cr3t" not in warning
    assert "--auth-token-file or the environment variable MANENT_AUTH_TOKEN" in warning


def test_sources_that_cannot_be_used(tmp_path: Path) -> None:
    """Two sources, a missing file, an empty one and one that is not text are mistakes that name the option."""
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(typer.BadParameter, match="either --jwt-secret or --jwt-secret-file"):
        read_secret("--jwt-secret", "a", tmp_path / "empty")
    for name, reason in (("none", "No such file"), ("empty", "is empty"), ("binary", "not UTF-8")):
        with pytest.raises(typer.BadParameter, match=f"--jwt-secret-file .*{name} .*{reason}"):
            read_secret("--jwt-secret", None, tmp_path / name)
