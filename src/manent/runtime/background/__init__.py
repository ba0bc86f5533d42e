"""Tasks that run in the background, outside of turns, for example publishing, reminders and retention."""
