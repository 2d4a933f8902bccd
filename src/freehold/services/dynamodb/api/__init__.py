"""One function for each operation, by noun."""
