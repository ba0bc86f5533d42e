"""Event brokers, which implement the port `runtime/ports/broker.py`."""
