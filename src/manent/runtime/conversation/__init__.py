"""One conversation and the registry of all: mailbox, turns, log, delivery."""
