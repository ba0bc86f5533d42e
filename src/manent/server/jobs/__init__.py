"""Long computations that run in separate processes."""
