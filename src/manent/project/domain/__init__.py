"""Readers of the domain, in formats 2.0 and 3.x."""
