"""Tradewind's sides that no service of ours has: the smallest route, and events that mean nothing."""
