"""The default store: one SQLite file beside the project."""
