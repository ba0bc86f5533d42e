"""NLU: from a text to its intent and entities. Pure computation, no I/O."""
