"""Validates what asks for a retraining."""
