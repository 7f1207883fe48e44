"""A service that hears what the shop tells."""
