"""The server: HTTP API, web chat page, connections, and jobs."""
