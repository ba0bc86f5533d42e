"""The Socket.IO channel: plain Rasa clients and protocol 1 on one server."""
