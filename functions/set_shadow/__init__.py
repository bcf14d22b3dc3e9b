"""Puts a challenger into the shadow slot, or takes it out."""
