"""YAML text to data that knows its lines. Nothing else parses YAML."""
