"""Stores for the logs of conversations."""
