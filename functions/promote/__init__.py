"""Puts a challenger that won into production."""
