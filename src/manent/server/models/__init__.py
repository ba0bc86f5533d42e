"""The model that a server uses: where new ones come from, and how all servers of a store switch together."""
