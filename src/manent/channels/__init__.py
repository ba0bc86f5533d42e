"""The channels, which receive messages from visitors and send the bot's replies."""
