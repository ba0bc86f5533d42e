"""What calls written for Rasa may say that Manent has no use for, and what is answered.

Scripts go on working: an option without meaning here is left out, with a note unless it only asks for more or less
logging. Where going on would not do what was asked, the call ends with what to use instead.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Word:
    """An option of Rasa's.

    Attributes:
        values: how many values follow it; -1 for all up to the next option.
        answer: what is said about it; empty for nothing.
        is_refused: the call can't go on with it.
    """

    values: int = 1
    answer: str = ""
    is_refused: bool = False


_LOGGING = {
    "-v": Word(0),
    "-vv": Word(0),
    "--verbose": Word(0),
    "--debug": Word(0),
    "--quiet": Word(0),
    "--logging-config-file": Word(1, "logging is set by --log-file and LOG_LEVEL"),
}

_TRAIN = {
    "--finetune": Word(-1, "every training takes over what has not changed and trains the rest anew, in seconds"),
    "--epoch-fraction": Word(1, "there are no epochs"),
    "--augmentation": Word(1, "stories are not glued together"),
    "--num-threads": Word(1, "one thread is the fastest"),
    "--debug-plots": Word(0, "`manent visualize` draws the stories"),
    "--persist-nlu-data": Word(0, "a model holds no training data"),
    "--validation-max-history": Word(1, "`manent data validate --max-history` compares stories"),
    "--endpoints": Word(),
    "--percentages": Word(-1, "`manent test nlu --config one two` compares pipelines"),
    "--runs": Word(1, "`manent test nlu --config one two` compares pipelines"),
}

_SERVER = {
    "--response-timeout": Word(1, "a turn may take as long as its actions"),
    "--request-timeout": Word(1, "a turn may take as long as its actions"),
    "--use-syslog": Word(0, "it logs to standard error, which systemd and containers collect"),
    "--syslog-address": Word(),
    "--syslog-port": Word(),
    "--syslog-protocol": Word(),
    "--remote-storage": Word(
        1, "fetch the model before you start, or let a model server hand it to `PUT /model`", is_refused=True
    ),
    "--jwt-private-key": Word(1, "only --jwt-secret is needed: this server checks tokens and signs none"),
    "--ssl-ca-file": Word(1, "let a proxy in front of it check certificates of clients", is_refused=True),
}

_TEST = {
    "--endpoints": Word(),
    "--url": Word(1, "download the stories before, and name the file with --stories", is_refused=True),
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
    "shell": {**_SERVER, **_NO_SERVER, "--enable-api": Word(0), "--cors": Word(-1)},
    "test": _TEST,
    "data": {"-l": Word(), "--language": Word()},
    "visualize": {
        "-d": Word(),
        "--domain": Word(),
        "-u": Word(1, "the graph shows intents, not examples"),
        "--nlu": Word(1, "the graph shows intents, not examples"),
    },
}
"""First word of a command → its options, besides those about logging."""

COMMANDS = {
    "export": "`manent conversations export` writes the events of conversations as JSON lines",
    "interactive": (
        "talk with `manent shell` or on the page, then take the conversation as a test story from "
        "`GET /conversations/<id>/story`"
    ),
    "evaluate": "`manent conversations export` writes the events of conversations as JSON lines, to be counted",
    "telemetry": "there is none: Manent sends nothing to anybody",
    "x": "there is nothing to switch to: conversations are kept wherever `manent run` runs",
}
"""Commands of Rasa's that there are none of, with what to do instead."""


@dataclass(frozen=True, slots=True)
class Sifted:
    """A call without Rasa's own words.

    Attributes:
        rest: what is left of it.
        notes: what is to be said about what was left out.
        refusal: why the call can't go on, or empty.
    """

    rest: list[str]
    notes: list[str]
    refusal: str = ""


def sift(command: str, arguments: Sequence[str], known: Collection[str]) -> Sifted:
    """Leave out what only Rasa knows.

    Args:
        command: its words.
        arguments: what follows them.
        known: the options that the command has; they are its own, whatever they mean to Rasa.
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
        if word.is_refused:
            return Sifted([], [], f"{option} is not there: {word.answer}.")
        taken = 1 if value else 0
        while place < len(arguments) and not arguments[place].startswith("-") and taken != word.values:
            place += 1
            taken += 1
        if word.answer:
            notes.append(f"{option} has no effect: {word.answer}.")
    return Sifted(rest, notes)
