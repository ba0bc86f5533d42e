"""Learning algorithms on arrays, independent of the rest of Manent."""
