"""Finds the classes that a project's files name: built-in, from an installed package, or from the project itself."""
