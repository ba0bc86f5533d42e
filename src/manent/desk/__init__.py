"""The desk, where people see conversations and answer in place of the bot. Imported only if it is configured."""
