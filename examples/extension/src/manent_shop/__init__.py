"""A channel, an event broker, a store and an NLU component, each in one file."""
