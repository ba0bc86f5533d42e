"""A server's model: the sources of new models, and the switch of all servers that use a store to a new model."""
