"""The interfaces (`typing.Protocol`) of everything outside of the runtime that it calls.

Stores, actions, brokers and channels implement them.
"""
