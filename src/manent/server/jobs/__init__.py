"""Jobs that compute for seconds. Each runs in a separate process."""
