"""Reads `credentials.yml`: the channels and their options. Called by the server.

Each channel checks its options itself. This module checks only the structure, and the types of the options that the
contract names (§7).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from manent.core.events import Json
from manent.core.messages import SERVED_CHANNELS
from manent.project.problems import Report, Spot, did_you_mean, one_of
from manent.project.yaml.documents import Broken, plain, read_document

CHANNELS = (
    "socketio",
    "rest",
    "callback",
    "cmdline",
    "facebook",
    "slack",
    "telegram",
    "twilio",
    "twilio_voice",
    "mattermost",
    "botframework",
    "rocketchat",
    "webexteams",
    "hangouts",
    "rasa",
)
"""Names of Rasa's channels. Any other key is the module path of a custom channel."""

IDENTITIES = ("open", "minted", "jwt")
_FLAGS = ("session_persistence", "jwt_require_exp", "use_threads", "enhanced")
_TEXTS = (
    "user_message_evt",
    "bot_message_evt",
    "namespace",
    "socketio_path",
    "jwt_key",
    "jwt_method",
    "metadata_key",
    "session_secret",
    "jwks_url",
    "jwt_issuer",
    "jwt_audience",
    "jwt_subject_claim",
)
_CHOICES = {"session_identity": IDENTITIES, "jwt_anonymous": ("refuse", "minted"), "claim": ("keep", "merge")}


def read_credentials(path: Path | None) -> dict[str, Json]:
    """Read the credentials file.

    Args:
        path: the file. If it is None or the file does not exist, there are no credentials.

    Returns:
        Channel → options, in the order of the file. A channel without options has `{}`. Unsupported channels are
        included; the server reports them.

    Raises:
        ProjectError: contains all mistakes of the file.
    """
    if path is None or not path.exists():
        return {}
    report = Report(Path())
    try:
        document = read_document(path, report)
    except Broken:
        report.raise_errors()
        raise
    channels = read_channels(Spot(document, report.name_of(path), 1, "", report))
    report.raise_errors()
    return channels


def read_channels(root: Spot) -> dict[str, Json]:
    """Check a parsed credentials file and return its channels."""
    channels: dict[str, Json] = {}
    for name, spot in root.entries():
        if "." not in name and name not in CHANNELS:
            suggestion = did_you_mean(name, CHANNELS)
            if suggestion:
                spot.warn("credentials.channel", "the name of a channel", suggestion, found=f'"{name}"')
        elif name not in SERVED_CHANNELS:
            spot.warn(
                "credentials.not-served",
                f"{one_of(SERVED_CHANNELS)} (this channel is left out)",
                found=f'the channel "{name}"',
            )
        if spot.value is None:
            channels[name] = {}
        elif isinstance(spot.value, dict):
            _check_options(spot)
            channels[name] = plain(spot.value)
        else:
            spot.error("credentials.options", f"the options of {name}, one `option: value` per line")
    return channels


def _check_options(channel: Spot) -> None:
    checks: dict[str, Callable[[Spot], Any]] = dict.fromkeys(_FLAGS, Spot.flag) | dict.fromkeys(_TEXTS, _check_text)
    for name, spot in channel.entries():
        if spot.value is None:
            continue
        if name in checks:
            checks[name](spot)
        elif name in _CHOICES and spot.value not in _CHOICES[name]:
            choices = _CHOICES[name]
            spot.error(f"credentials.{name.replace('_', '-')}", one_of(choices), did_you_mean(spot.value, choices))


def _check_text(spot: Spot) -> None:
    if not isinstance(spot.value, str):
        spot.error("yaml.type", "a string", f'Put it in quotes: "{spot.value}"')
