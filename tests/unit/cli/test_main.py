"""The table of commands, and what is said when a call is wrong."""

import errno

import pytest

from manent import __version__
from manent.cli.main import COMMANDS, describe_problems, find_command, main, spread
from manent.core.errors import Problem, ProjectError


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_help_of_each(command: object, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command in the table can be imported and explains itself."""
    name = getattr(command, "name", "")

    assert main([*name.split(), "--help"]) == 0
    assert f"Usage: manent {name}" in capsys.readouterr().out


def test_overview_lists_all(capsys: pytest.CaptureFixture[str]) -> None:
    """`manent` alone lists every command with what it is for."""
    assert main([]) == 0

    shown = capsys.readouterr().out
    assert [command.name for command in COMMANDS if f"  {command.name} " not in shown] == []


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` prints the version."""
    assert main(["--version"]) == 0
    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "name", "rest"),
    [
        (["run", "actions", "-p", "1"], "run actions", ["-p", "1"]),
        (["run", "models/x.tar.gz"], "run", ["models/x.tar.gz"]),
        (["train", "nlu"], "train nlu", []),
        (["train", "--force"], "train", ["--force"]),
        (["run"], "run", []),
    ],
)
def test_longest_name_wins(words: list[str], name: str, rest: list[str]) -> None:
    """`run actions` is a command, `run models/x` is `run` with a model."""
    command, left = find_command(words)

    assert command is not None
    assert (command.name, left) == (name, rest)


@pytest.mark.parametrize(
    ("words", "hint"),
    [(["trian"], "Did you mean `manent train`?"), (["data"], "`manent data validate`"), (["xyzzy"], "manent --help")],
)
def test_unknown_command(words: list[str], hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped command is status 2 and a suggestion."""
    assert main(words) == 2
    assert hint in capsys.readouterr().err


def test_unknown_option(capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped option is status 2 and names the option."""
    assert main(["train", "--forse"]) == 2
    assert "--forse" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["--data", "a", "b", "--force"], ["--data", "a", "--data", "b", "--force"]),
        (["--out", "a", "b"], ["--out", "a", "b"]),
        (["-u", "a", "-u", "b"], ["-u", "a", "-u", "b"]),
        ([], []),
    ],
)
def test_spread(given: list[str], expected: list[str]) -> None:
    """Options with many values are repeated before each, other options are left alone."""
    assert spread(given, {"--data", "-u"}) == expected


def test_all_problems_are_told() -> None:
    """A project's problems are printed all, and counted."""
    problem = Problem(file="domain.yml", line=3, path="slots.x", code="slot.bad", found="1", expected="2")

    text = describe_problems(ProjectError([problem, problem]))

    assert text.count("domain.yml:3") == 2
    assert text.endswith("2 problems in the project's files.")


@pytest.mark.parametrize(
    ("options", "advice"),
    [([], "choose another one with --port"), (["--ssl-certificate", "a.pem"], "check --ssl-certificate")],
)
def test_action_server_that_cannot_start_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str], advice: str
) -> None:
    """If the port is in use or the certificate cannot be read, the command prints a sentence and no traceback."""

    def serve(*_: object, **__: object) -> None:
        raise OSError(errno.EADDRINUSE, "Address already in use")

    monkeypatch.setattr("manent.actions.server.serve", serve)

    assert main(["run", "actions", *options]) == 1
    shown = capsys.readouterr().err
    assert "port 5055 (Address already in use)" in shown
    assert advice in shown
