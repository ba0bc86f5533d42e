"""Parses YAML into data that has line numbers. Nothing else parses YAML."""
