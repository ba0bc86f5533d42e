"""The model of a server: the sources of new models, and the common switch of all servers of a store."""
