"""One conversation (its mailbox, turns, log and delivery), and the registry of all conversations."""
