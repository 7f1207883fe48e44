"""The rows, a module each: ``measure`` starts both sides, takes turns, and returns the results."""
