"""Protocols for everything the runtime calls outside itself. Stores, actions, brokers and channels implement them."""
