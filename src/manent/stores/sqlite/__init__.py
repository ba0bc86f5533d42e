"""The default store, which is one SQLite file in the project's folder."""
