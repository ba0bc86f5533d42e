"""Builds visitor messages from the values that clients send, and checks these values. All channels use it."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from manent.core.errors import RequestError
from manent.core.events import Json
from manent.core.finite import storable
from manent.core.messages import UserMessage
from manent.runtime.limits import Limits

ATTACHMENTS = "attachments"
"""Key of a message's files in its metadata."""

MAX_MESSAGE_ID = 128
"""Maximum number of characters of a message id."""


def user_message(
    sender_id: str,
    text: str,
    *,
    limits: Limits,
    input_channel: str | None,
    output_channel: str,
    message_id: Any = None,
    title: str | None = None,
    metadata: Any = None,
    parse_data: Json | None = None,
) -> UserMessage:
    """Return a visitor's message, built from the values that a client sent.

    Args:
        sender_id: the conversation.
        text: the text as the client sent it.
        limits: limits for the length of text and title.
        input_channel: name of the channel that received the message. None if it did not arrive on a channel.
        output_channel: name of the channel that sends the answer.
        message_id: the message id as the client sent it. If it is None, the conversation generates one.
        title: text to show to the visitor instead, for example the title of a button.
        metadata: the metadata as the client sent it. None if the client sent none.
        parse_data: NLU result to use instead of running the NLU.

    Raises:
        RequestError: `too_long` or `bad_request`.
    """
    return UserMessage(
        sender_id=sender_id,
        text=checked_text(text, limits.text),
        message_id=checked_message_id(message_id),
        input_channel=input_channel,
        output_channel=output_channel,
        title=checked_text(title, limits.text, field="title") if title is not None else None,
        metadata=checked_metadata(metadata),
        parse_data=parse_data,
    )


def without_attachments(metadata: Any) -> Any:
    """Return the metadata of a client without the key `attachments`.

    On a server that accepts files, the server sets this key, so that action servers can rely on it.
    """
    if not isinstance(metadata, dict) or ATTACHMENTS not in metadata:
        return metadata
    return {key: value for key, value in metadata.items() if key != ATTACHMENTS}


def with_attachments(message: UserMessage, attachments: Sequence[Json], *, intent: str | None) -> UserMessage:
    """Return a message with files.

    Args:
        message: the message.
        attachments: the files: `{file_id, name, mime, size, url}` for each.
        intent: intent of the message if it has no text. None: the NLU parses the empty text.
    """
    parse_data = message.parse_data
    if intent is not None and not message.text:
        found: Json = {"name": intent, "confidence": 1.0}
        parse_data = {"text": "", "intent": found, "entities": [], "intent_ranking": [dict(found)]}
    return replace(
        message,
        metadata={**message.metadata, ATTACHMENTS: list(attachments)},
        file_ids=tuple(one["file_id"] for one in attachments),
        parse_data=parse_data,
    )


def checked_message_id(message_id: Any) -> str | None:
    """Return the message id, or None if the client sent none.

    Raises:
        RequestError: `bad_request`.
    """
    if message_id is None:
        return None
    if not isinstance(message_id, str) or not 1 <= len(message_id) <= MAX_MESSAGE_ID:
        raise RequestError("bad_request", f"message_id must be a string of 1 to {MAX_MESSAGE_ID} characters")
    if "\0" in message_id:  # databases cannot store this character
        raise RequestError("bad_request", "message_id must not contain the character NUL")
    return message_id


def checked_text(text: str, limit: int, *, field: str = "message") -> str:
    """Return the text in its stored form: stripped and without lone surrogates.

    `field` is the name of the text in the error.

    Raises:
        RequestError: `too_long`.
    """
    if len(text) > limit:
        raise RequestError("too_long", f"{field} too long: {len(text):,} characters (limit {limit:,})", status=413)
    return storable(text).strip()


def checked_metadata(metadata: Any) -> Json:
    """Return the metadata, or {} if the client sent none.

    Raises:
        RequestError: `bad_request`: the metadata is not an object.
    """
    if metadata is None:
        return {}
    if not isinstance(metadata, dict):
        raise RequestError("bad_request", f"metadata must be an object; found {type(metadata).__name__}")
    return metadata
