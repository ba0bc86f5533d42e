"""Runs conversations: accepts messages from channels, runs turns, stores events and delivers replies."""
