"""The server: the HTTP API, the web chat page, connections, models, and jobs in separate processes."""
