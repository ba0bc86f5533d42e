"""The policies: from the recent turns of a conversation to the next action."""
