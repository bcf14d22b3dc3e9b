"""Validates a retraining request."""
