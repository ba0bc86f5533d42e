"""The dialogue: what a message does to a conversation, decided without I/O. `turn.py` is where to begin reading."""
