"""Reads the files of a project as plain data and reports every mistake with its line. No other package parses YAML."""
