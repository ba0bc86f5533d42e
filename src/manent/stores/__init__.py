"""Stores: they keep the logs of conversations."""
