"""Handles every request before the routes do: connections and their limits, security headers, CORS."""
