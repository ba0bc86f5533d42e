"""The HTTP API of the desk. Imported only if the desk is configured."""
