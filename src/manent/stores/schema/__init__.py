"""The tables of the stores, as numbered SQL files, and the reader of these files."""
