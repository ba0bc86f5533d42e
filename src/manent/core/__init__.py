"""The types that all other packages use: events, tracker, domain, messages, errors. No I/O; no library but msgspec."""
