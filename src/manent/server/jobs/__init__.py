"""Long computations, each of which runs in a separate process."""
