"""Converts bot events to the messages of Rasa's REST channel. Every channel that replies over HTTP uses this."""

from collections.abc import Sequence

from manent.core.conversation_log import LogEntry
from manent.core.events import BotUttered, Json
from manent.runtime.visitor_messages import list_in, spoken


def replies_of(recipient_id: str, event: BotUttered) -> list[Json]:
    """Convert one bot event to messages, in the order in which they are sent.

    Buttons keep all their keys. Quick replies are converted to buttons, and elements to texts.
    """
    data = event.data
    buttons = list_in(data, "quick_replies", "buttons")
    pieces: list[Json] = []
    if buttons:
        pieces.append({**({"text": event.text} if event.text is not None else {}), "buttons": buttons})
    elif event.text:
        pieces += [{"text": part} for part in event.text.strip().split("\n\n")]
    if custom := data.get("custom"):
        pieces.append({"custom": custom})
    if image := data.get("image"):
        pieces.append({"image": image})
    if (attachment := data.get("attachment")) and attachment != image:
        pieces.append({"attachment": attachment})
    for element in list_in(data, "elements"):
        if isinstance(element, dict):
            text = f"{element.get('title', '')} : {element.get('subtitle', '')}"
            pieces.append({"text": text, "buttons": element.get("buttons") or []})
    return [{"recipient_id": recipient_id, **piece} for piece in pieces]


def replies_in(sender_id: str, entries: Sequence[LogEntry]) -> list[Json]:
    """Return the messages of the bot and of operators in these entries, in order."""
    return [
        reply for entry in entries if (said := spoken(entry.event)) is not None for reply in replies_of(sender_id, said)
    ]
