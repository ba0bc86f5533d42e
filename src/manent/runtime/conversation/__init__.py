"""One conversation and all of them: mailbox, turns, log, delivery."""
