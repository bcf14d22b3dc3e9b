"""Packaging of code: asset folders, layers and functions."""
