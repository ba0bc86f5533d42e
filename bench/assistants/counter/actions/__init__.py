"""Custom actions of the counter."""
