"""Compares champion and challenger on the same holdout."""
