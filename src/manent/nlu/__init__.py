"""Natural language understanding: finds the intent and the entities of a text. It does no I/O."""
