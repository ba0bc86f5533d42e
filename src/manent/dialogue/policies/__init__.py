"""The policies, which predict the next action from the recent turns of a conversation."""
