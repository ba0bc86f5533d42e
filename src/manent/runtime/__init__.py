"""Runs conversations: takes messages from channels, runs turns, stores events and delivers replies."""
