"""The words that everything else speaks: events, tracker, domain, messages, errors. No I/O; no library but msgspec."""
