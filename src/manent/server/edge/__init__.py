"""Handles every request first: connections and their limits, security headers, CORS."""
