"""Decides who has access to a conversation: admission, tokens, claims, revocations."""
