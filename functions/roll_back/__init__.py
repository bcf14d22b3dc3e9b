"""Puts an earlier version back into production."""
