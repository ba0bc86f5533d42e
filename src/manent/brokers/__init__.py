"""Event brokers: implementations of the port `runtime/ports/broker.py`."""
