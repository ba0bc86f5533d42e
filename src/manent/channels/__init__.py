"""Channels: they receive the messages of visitors and send the replies of the bot."""
