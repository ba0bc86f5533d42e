"""Handles Rasa's options and commands that Manent does not have, so that scripts for Rasa still work.

An option without effect is ignored with a note, except for logging options. If ignoring an option would change the
result, the command fails with a message that suggests an alternative.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Word:
    """An option of Rasa.

    Attributes:
        values: number of values that follow the option, or -1 for all values up to the next option.
        note: explanation for the user. If it is empty, nothing is printed.
        is_rejected: whether the command fails.
    """

    values: int = 1
    note: str = ""
    is_rejected: bool = False


_LOGGING = {
    "-v": Word(0),
    "-vv": Word(0),
    "--verbose": Word(0),
    "--debug": Word(0),
    "--quiet": Word(0),
    "--logging-config-file": Word(1, "use --log-file and LOG_LEVEL to configure logging"),
}

_TRAIN = {
    "--finetune": Word(-1, "training reuses every part that has not changed and trains the rest in seconds"),
    "--epoch-fraction": Word(1, "training has no epochs"),
    "--augmentation": Word(1, "stories are not concatenated"),
    "--num-threads": Word(1, "training uses one thread, because more threads would make it slower"),
    "--debug-plots": Word(0, "`manent visualize` draws the stories"),
    "--persist-nlu-data": Word(0, "models contain no training data"),
    "--validation-max-history": Word(1, "`manent data validate --max-history` compares stories"),
    "--endpoints": Word(),
    "--percentages": Word(-1, "`manent test nlu --config one two` compares pipelines"),
    "--runs": Word(1, "`manent test nlu --config one two` compares pipelines"),
}

_SERVER = {
    "--response-timeout": Word(1, "a turn has no time limit other than those of its actions"),
    "--request-timeout": Word(1, "a turn has no time limit other than those of its actions"),
    "--use-syslog": Word(0, "the server logs to standard error, which systemd and containers collect"),
    "--syslog-address": Word(),
    "--syslog-port": Word(),
    "--syslog-protocol": Word(),
    "--jwt-private-key": Word(1, "the server only verifies tokens and does not sign them, so --jwt-secret is enough"),
    "--ssl-ca-file": Word(1, "use a reverse proxy to verify client certificates", is_rejected=True),
}

_TEST = {
    "--endpoints": Word(),
    "--url": Word(1, "download the stories first and pass the file with --stories", is_rejected=True),
    "--no-warnings": Word(0),
    "--evaluate-model-directory": Word(0, "`manent test core --evaluate-model-directory` compares models"),
}

_NO_SERVER = dict.fromkeys(
    ("-p", "--port", "-i", "--interface", "-t", "--auth-token", "--jwt-secret", "--jwt-method", "--connector",
     "--log-file", "--ssl-certificate", "--ssl-keyfile", "--ssl-password"),
    Word(1, "`manent shell` starts no server"),
)  # fmt: skip

OPTIONS: dict[str, dict[str, Word]] = {
    "train": _TRAIN,
    "run": _SERVER,
    "shell": {
        **_SERVER,
        **_NO_SERVER,
        "--enable-api": Word(0),
        "--cors": Word(-1),
        "--remote-storage": Word(1, "download the model first, or use `manent run`", is_rejected=True),
    },
    "test": _TEST,
    "data": {"-l": Word(), "--language": Word()},
    "visualize": {
        "-d": Word(),
        "--domain": Word(),
        "-u": Word(1, "the graph shows intents, not examples"),
        "--nlu": Word(1, "the graph shows intents, not examples"),
    },
}
"""First part of a command's name → its options in Rasa, except logging options."""

COMMANDS = {
    "export": "`manent conversations export` writes the events of conversations as JSON lines",
    "interactive": (
        "chat with `manent shell` or the web chat, then get the conversation as a test story from "
        "`GET /conversations/<id>/story`"
    ),
    "evaluate": "use `manent conversations export` and analyze the JSON lines",
    "telemetry": "Manent collects no telemetry",
    "x": "`manent run` stores conversations itself",
}
"""Rasa command that Manent does not have → description of the alternative."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A command's arguments, without the options that only Rasa has.

    Attributes:
        rest: the remaining arguments.
        notes: notes for the user about ignored options. Each note is one sentence.
        refusal: the reason why the command fails, or an empty text if it runs.
    """

    rest: list[str]
    notes: list[str]
    refusal: str = ""


def check_rasa_options(command: str, arguments: Sequence[str], known: Collection[str]) -> Checked:
    """Remove from a command's arguments the options that only Rasa has.

    Args:
        command: name of the command.
        arguments: the arguments after the command's name.
        known: options of the command, which are never removed.
    """
    words = {**_LOGGING, **OPTIONS.get(command.partition(" ")[0], {})}
    rest: list[str] = []
    notes: list[str] = []
    place = 0
    while place < len(arguments):
        option, _, value = arguments[place].partition("=")
        place += 1
        word = words.get(option) if option not in known else None
        if word is None:
            rest.append(arguments[place - 1])
            continue
        if word.is_rejected:
            return Checked([], [], f"{option} is not supported: {word.note}.")
        taken = 1 if value else 0
        while place < len(arguments) and not arguments[place].startswith("-") and taken != word.values:
            place += 1
            taken += 1
        if word.note:
            notes.append(f"{option} has no effect: {word.note}.")
    return Checked(rest, notes)
