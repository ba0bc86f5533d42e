"""Decides who may join a conversation: admission, tokens, claims, revocations."""
