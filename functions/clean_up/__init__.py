"""Puts a challenger that lost aside and cleans up after it."""
