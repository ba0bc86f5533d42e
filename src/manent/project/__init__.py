"""The only YAML reader: a project's files to plain data, with every mistake located. Nothing else parses YAML."""
