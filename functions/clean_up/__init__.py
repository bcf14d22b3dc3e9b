"""Rejects a challenger that lost and deletes its files."""
