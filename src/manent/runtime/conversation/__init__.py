"""Implements conversations (mailbox, turns, log and delivery to subscribers) and the registry of all conversations."""
