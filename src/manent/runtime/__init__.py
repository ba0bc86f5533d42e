"""What happens to a message between channel and store: conversations, delivery, and the ports to the outside."""
