"""The default store: one SQLite file in the project's folder."""
