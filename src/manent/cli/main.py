"""The entry point, which finds the command, runs it, and reports errors to the user.

This module contains the table of commands, and imports a command's module only when the command is called. It
imports neither Typer nor any heavy library, so `manent --help` and the message about an unknown command appear
immediately.
"""

import difflib
import errno
import importlib
import os
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from manent import __version__
from manent.cli.interrupts import interruptible
from manent.cli.rasa_arguments import COMMANDS as RASA_COMMANDS
from manent.cli.rasa_arguments import check_rasa_options
from manent.core.errors import ManentError, ProjectError


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        name: the words after `manent`.
        target: the function that the command calls, as `module:function`.
        summary: a sentence that describes the command.
    """

    name: str
    target: str
    summary: str


COMMANDS = (
    Command("init", "manent.cli.init:init", "Create a new project with a small working assistant."),
    Command("train", "manent.cli.train:train", "Train a model from the project's files."),
    Command("train nlu", "manent.cli.train:train_nlu", "Train only the NLU model."),
    Command("train core", "manent.cli.train:train_core", "Train only the dialogue model."),
    Command("run", "manent.cli.run:run", "Serve the assistant: web chat, channels, management API."),
    Command("run actions", "manent.cli.run_actions:run_actions", "Serve the project's custom actions."),
    Command("shell", "manent.cli.shell:shell", "Chat with the assistant in the terminal."),
    Command("shell nlu", "manent.cli.shell:shell_nlu", "Show how the assistant parses what you type."),
    Command("test", "manent.cli.score_stories:score_all", "Run the test stories and evaluate the NLU model."),
    Command("test core", "manent.cli.score_stories:score_core", "Run the test stories."),
    Command("test nlu", "manent.cli.score_nlu:score_nlu", "Evaluate the NLU model on annotated examples."),
    Command("data validate", "manent.cli.data_validate:data_validate", "Check the project's files."),
    Command("data validate stories", "manent.cli.data_validate:data_validate_stories", "Check only stories and rules."),
    Command("data split nlu", "manent.cli.data_split:split_nlu", "Split NLU examples into training and test data."),
    Command("data split stories", "manent.cli.data_split:split_stories", "Split stories into training and test data."),
    Command("data convert nlu", "manent.cli.data_convert:convert_nlu", "Convert NLU data to YAML or JSON."),
    Command(
        "data annotations",
        "manent.cli.data_annotations:write_annotations",
        "Write messages reviewed at the desk as NLU data.",
    ),
    Command("data migrate", "manent.cli.data_migrate:data_migrate", "Convert a project from format 1.x or 2.0 to 3.1."),
    Command("visualize", "manent.cli.visualize:visualize", "Draw stories and rules as a graph."),
    Command("conversations list", "manent.cli.conversations:list_conversations", "List the stored conversations."),
    Command(
        "conversations show", "manent.cli.conversations:show_conversation", "Print the messages of a conversation."
    ),
    Command(
        "conversations export", "manent.cli.conversations:export_conversations", "Export the events of conversations."
    ),
    Command("conversations erase", "manent.cli.conversations:erase_conversation", "Erase a conversation permanently."),
    Command("channels", "manent.cli.channels:list_channels", "List the channels and their webhook URLs."),
    Command("channels set-webhook", "manent.cli.channels:set_webhook", "Set the webhook of a channel."),
    Command("desk invite", "manent.cli.desk_invite:invite_member", "Print a link with which a person joins the desk."),
    Command("desk members", "manent.cli.desk_members:list_members", "List who may use the desk."),
    Command("desk remove", "manent.cli.desk_remove:remove_member", "Remove a member of the desk."),
    Command("desk audit", "manent.cli.desk_audit:show_audit", "Print who read and changed conversations at the desk."),
    Command("import-rasa", "manent.cli.import_rasa:import_rasa", "Import the conversations of a Rasa tracker store."),
    Command("db upgrade", "manent.cli.db:db_upgrade", "Upgrade the store to this version's schema."),
    Command("db copy", "manent.cli.db:db_copy", "Copy the conversations from SQLite to PostgreSQL."),
    Command("db backup", "manent.cli.db:db_backup", "Back up the store while it is in use."),
)
"""All commands, in the order of the help text."""

FILE_ERRORS = frozenset(
    {
        errno.EACCES,
        errno.EDQUOT,
        errno.EEXIST,
        errno.EISDIR,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOSPC,
        errno.ENOTDIR,
        errno.EPERM,
        errno.EROFS,
    }
)
"""Errors caused by paths that the user specified, or by the disk.

They are reported in one sentence, without a traceback.
"""

INTERRUPTED = 130
"""Exit status after Ctrl-C, as in shells."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status.

    The status is 0 after success, 1 after a failure, 2 after a mistake in the arguments, and 130 after Ctrl-C.
    """
    # The matrices are small, so BLAS threads would spend more time waiting for each other than computing. NumPy reads
    # the variables when it is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if (folder := str(Path.cwd())) not in sys.path:
        sys.path.append(folder)  # the project's custom components are imported by module name
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in {"-h", "--help", "help"}:
        print(overview())
        return 0
    if words[0] in {"--version", "version"}:
        print(f"Manent {__version__}")
        return 0
    command, rest = find_command(words)
    if command is None:
        print(describe_unknown(words), file=sys.stderr)
        return 2
    try:
        return run_command(command, rest)
    except ProjectError as error:
        print(describe_problems(error), file=sys.stderr)
    except ManentError as error:
        print(f"Error: {error.message}", file=sys.stderr)
    except OSError as error:
        if error.errno not in FILE_ERRORS or error.filename is None:
            raise
        print(f"Error: {error.filename}: {error.strerror}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return INTERRUPTED
    return 1


def find_command(words: Sequence[str]) -> tuple[Command | None, list[str]]:
    """Return the command at the start of the words, and the remaining arguments. Return None for an unknown command."""
    for length in (3, 2, 1):
        name = " ".join(words[:length])
        for command in COMMANDS:
            if command.name == name and len(words) >= length:
                return command, list(words[length:])
    return None, list(words)


def run_command(command: Command, arguments: Sequence[str]) -> int:
    """Import the function of the command and call it with the arguments, which Typer parses."""
    module_name, _, function_name = command.target.partition(":")
    with interruptible() as interrupts:
        function = getattr(importlib.import_module(module_name), function_name)

        import typer

        interrupts.check()
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(context_settings={"help_option_names": ["-h", "--help"]})(function)
    options = typer.main.get_command(app).params
    lists = {name for option in options if getattr(option, "multiple", False) for name in option.opts}
    checked = check_rasa_options(command.name, arguments, {name for option in options for name in option.opts})
    for note in checked.notes:
        print(f"Note: {note}", file=sys.stderr)
    if checked.refusal:
        print(f"Error: {checked.refusal}", file=sys.stderr)
        return 2
    try:
        result = app(args=spread(checked.rest, lists), prog_name=f"manent {command.name}")
    except SystemExit as stop:
        if stop.code == INTERRUPTED:  # Typer reports Ctrl-C with this status
            raise KeyboardInterrupt from stop
        return stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
    return result if isinstance(result, int) else 0


def spread(arguments: Sequence[str], lists: Collection[str]) -> list[str]:
    """Repeat an option before each of its values.

    Rasa accepts `--data one two`, but Typer accepts only `--data one --data two`.

    Args:
        arguments: the arguments from the user.
        lists: options that take all values up to the next option.
    """
    result: list[str] = []
    option = ""
    values = 0
    for argument in arguments:
        if argument.startswith("-") and argument != "-":
            option, values = (argument if argument in lists else ""), 0
        elif option:
            values += 1
            if values > 1:
                result.append(option)
        result.append(argument)
    return result


def overview() -> str:
    """Return the text that `manent --help` prints."""
    width = max(len(command.name) for command in COMMANDS)
    lines = [f"  {command.name:<{width}}  {command.summary}" for command in COMMANDS]
    return "\n".join(
        [
            "Manent: a chatbot server whose conversations last.",
            "",
            "Usage: manent COMMAND [OPTIONS]",
            "",
            *lines,
            "",
            "Run `manent COMMAND --help` for the options of a command.",
        ]
    )


def describe_unknown(words: Sequence[str]) -> str:
    """Return the message for an unknown command."""
    begun = " ".join(words[:2]) if _within(" ".join(words[:2])) else words[0]
    if within := _within(begun):
        return f"`manent {begun}` needs a subcommand: " + ", ".join(f"`manent {name}`" for name in within)
    if words[0] in RASA_COMMANDS:
        return f"Unknown command `manent {words[0]}`: {RASA_COMMANDS[words[0]]}."
    near = difflib.get_close_matches(words[0], [command.name.split()[0] for command in COMMANDS], n=1)
    hint = f" Did you mean `manent {near[0]}`?" if near else ""
    return f"Unknown command `manent {words[0]}`.{hint}\nRun `manent --help` for the list of commands."


def _within(name: str) -> list[str]:
    """Return the names of the subcommands that follow these words."""
    return [command.name for command in COMMANDS if command.name.startswith(f"{name} ")]


def describe_problems(error: ProjectError) -> str:
    """Return a text that lists a project's problems and states their number."""
    count = len(error.problems)
    return f"{error.message}\n\n{count} problem{'s' if count != 1 else ''} in the project's files."


if __name__ == "__main__":
    sys.exit(main())
