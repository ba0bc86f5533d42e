"""Event brokers: each takes what the log's publisher hands out to somebody outside (`runtime/ports/broker.py`)."""
