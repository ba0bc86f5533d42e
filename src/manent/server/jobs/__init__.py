"""Jobs that compute for seconds, each in its own process."""
