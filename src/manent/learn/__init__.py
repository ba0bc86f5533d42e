"""Learning algorithms over arrays. They do not depend on the rest of Manent."""
