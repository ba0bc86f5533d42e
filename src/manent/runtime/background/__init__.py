"""Tasks that run beside the turns: publishing, reminders, retention."""
