"""The tables of the stores: numbered SQL files, and the code that reads these files."""
