"""Readers of training data: NLU examples, stories, rules."""
