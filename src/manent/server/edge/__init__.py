"""What every request passes first: connections, their limits, security headers, CORS."""
