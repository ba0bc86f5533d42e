"""Clients of external HTTP services."""
