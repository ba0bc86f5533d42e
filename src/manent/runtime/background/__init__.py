"""Tasks that run in the background, outside of turns: publishing, reminders, retention."""
