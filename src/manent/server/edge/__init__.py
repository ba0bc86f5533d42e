"""What stands before every request: connections, their bounds, security headers, CORS."""
