"""Handles connections, limits, security headers and CORS, before a request reaches the routes."""
