"""Calls written for Rasa: what goes on working, what is said, what is refused."""

from collections.abc import Callable

import pytest

from manent.cli.main import COMMANDS as OURS
from manent.cli.rasa_arguments import COMMANDS, check_rasa_options

Manent = Callable[[str], tuple[int, str]]


@pytest.mark.parametrize(
    ("command", "line", "rest"),
    [
        ("train", "--augmentation 0 --force", ["--force"]),
        ("train", "--finetune --force", ["--force"]),
        ("train", "--finetune models/old.tar.gz -c x.yml", ["-c", "x.yml"]),
        ("train nlu", "--epoch-fraction=0.5 -vv", []),
        ("train core", "--percentages 0 5 50 --runs 2 --force", ["--force"]),
        ("shell", "models/x.tar.gz -p 5005 --enable-api", ["models/x.tar.gz"]),
        ("run", "-p 5005 --debug --logging-config-file log.yml", ["-p", "5005", "--debug"]),
    ],
)
def test_options_without_meaning_are_left_out(command: str, line: str, rest: list[str]) -> None:
    """An option goes with its values, and what the command knows itself stays."""
    assert (
        check_rasa_options(command, line.split(), {"-p", "--debug", "-c"} if command != "shell" else set()).rest == rest
    )


def test_train_says_what_finetuning_is_here(manent: Manent) -> None:
    """`rasa train --finetune` is a training; one line says why nothing more is needed."""
    status, shown = manent("train --finetune --quiet")

    assert status == 0
    assert "Note: --finetune has no effect: training reuses every part that has not changed" in shown


def test_several_policies_are_trained_one_by_one(manent: Manent) -> None:
    """`rasa train core -c one two` trains many models; here the command says how to compare two."""
    status, shown = manent("train core -c config.yml other.yml --percentages 0 50 --runs 1")

    assert status == 1
    assert "only one --config is allowed" in shown


def test_what_would_not_be_done_is_refused(manent: Manent) -> None:
    """A model in a cloud is not quietly looked for in a folder."""
    status, shown = manent("shell --remote-storage aws")

    assert status == 2
    assert "--remote-storage is not supported: download the model first" in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_that_are_not_there(manent: Manent, command: str) -> None:
    """A command of Rasa's that is missing says what to do instead; what it names exists."""
    status, shown = manent(command)

    assert status == 2
    assert COMMANDS[command] in shown
    named = [part.removeprefix("manent ") for part in COMMANDS[command].split("`")[1::2] if part.startswith("manent ")]
    assert set(named) <= {command.name for command in OURS}


def test_half_a_command(manent: Manent) -> None:
    """`manent data split` names what can follow."""
    assert "`manent data split nlu`, `manent data split stories`" in manent("data split")[1]
