"""The interfaces (`typing.Protocol`) of the parts that the runtime calls.

Stores, actions, brokers and channels implement these interfaces.
"""
