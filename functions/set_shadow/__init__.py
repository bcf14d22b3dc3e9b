"""Puts a challenger into the shadow, and takes it out."""
