"""Finds the classes that a project's files name: built in, installed by a package, or the project's own."""
