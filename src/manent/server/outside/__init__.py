"""Clients of other people's HTTP services."""
