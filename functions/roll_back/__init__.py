"""Puts a version that was in production before back there."""
