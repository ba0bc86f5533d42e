"""Work that computes for seconds, each job in a process of its own."""
