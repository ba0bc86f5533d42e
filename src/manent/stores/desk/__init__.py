"""The tables of the desk, for all stores."""
