"""Servers that behave like the APIs of messenger platforms, as their public documentation describes them."""

import importlib

from support.platforms.platform import Platform

CHANNELS = {
    "generic": "Generic",
    "telegram": "Telegram",
    "slack": "Slack",
    "whatsapp": "WhatsApp",
    "facebook": "Facebook",
    "instagram": "Instagram",
    "twilio": "Twilio",
    "botframework": "BotFramework",
    "mattermost": "Mattermost",
    "rocketchat": "RocketChat",
    "webexteams": "WebexTeams",
    "hangouts": "Hangouts",
}
"""Name of the channel → class of its double."""


def platform_of(name: str) -> Platform:
    """Return a new fake of a platform."""
    made: Platform = getattr(importlib.import_module(f"support.platforms.{name}"), CHANNELS[name])()
    return made
