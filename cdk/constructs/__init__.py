"""Constructs of the stacks."""
