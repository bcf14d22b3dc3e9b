"""Registers a trained challenger."""
