"""Shared helpers, servers and models of the tests."""
