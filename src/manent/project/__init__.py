"""Reads a project's files as plain data and reports every mistake with its line. The only package that parses YAML."""
