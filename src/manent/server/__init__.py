"""The server: HTTP API, hosted page, connections, jobs."""
