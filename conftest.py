"""Gives every test the fixtures of ``chassis.testing``."""

pytest_plugins = ("chassis.testing",)
