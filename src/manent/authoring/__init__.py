"""Writes project files for their author: migration, NLU data, stories, graphs."""
