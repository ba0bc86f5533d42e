"""Reads `credentials.yml`: the channels and their options. Called by the server and by `manent data validate`.

Each channel's class declares its options; `options.py` checks them.
"""

from pathlib import Path

from manent.core.events import Json
from manent.extensions.finding import built_in_options, known_names
from manent.extensions.points import CHANNELS, CHANNELS_WITHOUT_SERVER, FILES
from manent.files.options import FilesOptions
from manent.project.problems import Report, Spot, did_you_mean, one_of
from manent.project.settings.options import check_options, find_class
from manent.project.yaml.documents import Broken, plain, read_document

RASA_CHANNELS = (
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
"""Rasa's channels, which projects refer to without a module path."""


def read_credentials(path: Path | None) -> dict[str, Json]:
    """Read the credentials file.

    Args:
        path: the file. If the path is None or the file does not exist, there are no credentials.

    Returns:
        Channel → options, in the order of the file. A channel without options has `{}`. Unsupported channels are
        included; the server reports them. The section `files:` is included, too.

    Raises:
        ProjectError: contains all mistakes in the file.
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
        if spot.value is not None and not isinstance(spot.value, dict):
            spot.error("credentials.options", f"the options of {name}, one `option: value` per line")
            continue
        channels[name] = plain(spot.value) if spot.value else {}
        if name in CHANNELS_WITHOUT_SERVER:
            continue
        if name == FILES:
            check_options(spot, FilesOptions, "credentials")
            continue
        if (declared := built_in_options(CHANNELS, name)) is not None:
            check_options(spot, declared, "credentials")
            continue
        found = find_class(CHANNELS, name, spot, "credentials.bad-channel")
        if found is not None:
            check_options(spot, getattr(found, "options", None), "credentials")
        elif "." not in name:
            _warn_unknown(name, spot)
    return channels


def _warn_unknown(name: str, spot: Spot) -> None:
    if name in RASA_CHANNELS:
        served = (*CHANNELS.built_in, *CHANNELS_WITHOUT_SERVER)
        expected = f"{one_of(served)} (this channel is left out)"
        spot.warn("credentials.not-served", expected, found=f'the channel "{name}"')
        return
    known = (*known_names(CHANNELS), *RASA_CHANNELS, FILES)
    expected = "the name of a channel, or the path of a channel class (this section is left out)"
    spot.warn("credentials.channel", expected, did_you_mean(name, known), found=f'"{name}"')
