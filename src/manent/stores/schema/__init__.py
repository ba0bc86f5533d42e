"""The tables of the stores as numbered SQL files, and the code that reads these files."""
