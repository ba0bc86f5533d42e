"""The Socket.IO channel. It serves plain Rasa clients and clients of protocol 1."""
