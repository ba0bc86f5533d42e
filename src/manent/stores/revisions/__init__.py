"""The migrations of the store, run by `manent.stores.migrations`."""
