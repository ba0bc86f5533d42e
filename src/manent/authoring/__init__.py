"""Writes project files: migrated projects, NLU data, stories, and story graphs."""
