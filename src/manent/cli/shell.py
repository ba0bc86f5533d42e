"""`manent shell [nlu]`: chat with the assistant in the terminal, without a server."""

import asyncio
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from manent.cli.shared_options import (
    MODELS,
    Credentials,
    Debug,
    Endpoints,
    Model,
    Quiet,
    Verbose,
    log_level,
    set_up_logging,
)
from manent.core.errors import ManentError
from manent.core.events import BotUttered, Json

if TYPE_CHECKING:
    from manent.runtime.assistant import Assistant
    from manent.runtime.conversation.registry import Conversations

STOP = "/stop"
PROMPT = "Your input -> "
MAX_SHOWN = 300
"""Maximum number of characters that are printed for an image or another attachment. Data URLs can be very long."""

ConversationId = Annotated[
    str | None,
    typer.Option("--conversation-id", metavar="ID", help="Id of a conversation to continue.", show_default=False),
]
PositionalModel = Annotated[Path | None, typer.Argument(metavar="MODEL", help="Same as --model.")]


def shell(
    *,
    model_path: PositionalModel = None,
    model: Model = MODELS,
    conversation_id: ConversationId = None,
    credentials: Credentials = None,
    endpoints: Endpoints = None,
    verbose: Verbose = 0,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Chat with the assistant in the terminal. The conversation is stored in the project's store."""
    _log(verbose, debug=debug, quiet=quiet)

    from manent.server.app import build
    from manent.server.options import ServeOptions

    options = ServeOptions(model=model_path or model, credentials=credentials, endpoints=endpoints)
    application = build(options)
    conversations, wakeups = application.conversations, application.wakeups
    assistant = conversations.engine.assistant
    if not assistant.dialogue.is_trained:
        print(f"The model {assistant.file} contains no dialogue model, so this shell shows only NLU results.")
        _show_parses(assistant)
        return
    sender_id = conversation_id or secrets.token_hex(16)
    with asyncio.Runner() as runner:
        # The event loop runs only during a turn. While the user types, `input` blocks the thread and receives Ctrl-C.
        runner.run(conversations.open())
        runner.run(wakeups.open())
        try:
            print(f"Conversation {sender_id}. Type {STOP} to end it.")
            buttons: list[Json] = []
            while (text := _ask()) is not None:
                buttons = runner.run(_talk(conversations, sender_id, _chosen(text, buttons)))
        finally:
            runner.run(wakeups.close())
            runner.run(conversations.close())


def shell_nlu(
    *,
    model_path: PositionalModel = None,
    model: Model = MODELS,
    verbose: Verbose = 0,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Show how the assistant parses what you type."""
    _log(verbose, debug=debug, quiet=quiet)

    from manent.extensions.model_code import trust_model_code
    from manent.project.settings.endpoints import trusts_model_code
    from manent.server.loading import load_assistant

    trust_model_code(is_trusted=trusts_model_code(Path()))
    assistant = load_assistant(model_path or model)
    if not assistant.pipeline.is_trained:
        raise ManentError(
            "model_without_nlu",
            f"the model {assistant.file} understands only payloads such as /greet; train with `manent train` or "
            "`manent train nlu`",
        )
    _show_parses(assistant)


def _show_parses(assistant: "Assistant") -> None:
    """Print the NLU result of each line that the user types."""
    print(f"Type a message, or {STOP} to end.")
    while (text := _ask()) is not None:
        print(msgspec.json.format(msgspec.json.encode(assistant.parse(text)), indent=2).decode())


def _log(verbose: int, *, debug: bool, quiet: bool) -> None:
    """Log only warnings by default, because this terminal shows the conversation."""
    asked = verbose or debug or quiet
    set_up_logging(log_level(verbose=verbose, debug=debug, quiet=quiet) if asked else log_level(quiet=True))


def _ask() -> str | None:
    """Read a line from the user. Return None at the end of the input."""
    try:
        text = input(PROMPT).strip()
    except (EOFError, KeyboardInterrupt):
        print()
        return None
    return None if text == STOP else text


def _chosen(text: str, buttons: list[Json]) -> str:
    """Return the payload of the button if the text is a button's number, or the text itself."""
    if text.isdecimal() and 1 <= int(text) <= len(buttons):
        button = buttons[int(text) - 1]
        return str(button.get("payload") or button.get("title") or text)
    return text


async def _talk(conversations: "Conversations", sender_id: str, text: str) -> list[Json]:
    """Send one message, print the replies, and return their buttons."""
    from manent.runtime.user_messages import user_message

    limits = conversations.engine.limits
    try:
        message = user_message(sender_id, text, limits=limits, input_channel="cmdline", output_channel="cmdline")
        ticket = conversations.get(sender_id).submit(message)
        await ticket.accepted
    except ManentError as error:
        print(f"Error: {error.message}")
        return []
    buttons: list[Json] = []
    for entry in await ticket.finished:
        if isinstance(entry.event, BotUttered):
            buttons = _show(entry.event)
    if ticket.error is not None:
        print(f"Error: {ticket.error.message}")
    return buttons


def _show(event: BotUttered) -> list[Json]:
    """Print one bot message and return its buttons."""
    from manent.runtime.choices import buttons_of
    from manent.runtime.visitor_messages import list_in

    if event.text:
        print(event.text)
    for kind in ("image", "attachment", "custom"):
        value = event.data.get(kind)
        if value and not (kind == "attachment" and value == event.data.get("image")):  # Rasa sets both keys
            shown = value if isinstance(value, str) else msgspec.json.encode(value).decode()
            print(f"{kind}: {shown[:MAX_SHOWN]}{'…' if len(shown) > MAX_SHOWN else ''}")
    for element in list_in(event.data, "elements"):
        print(f"element: {msgspec.json.encode(element).decode()}")
    buttons = buttons_of(event)
    for number, button in enumerate(buttons, start=1):
        print(f"  {number}: {button.get('title')} ({button.get('payload')})")
    return buttons
