"""The dialogue engine: computes how a message changes a conversation, without I/O. Start reading at `turn.py`."""
