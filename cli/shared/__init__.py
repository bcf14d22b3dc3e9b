"""Modules that several commands share: the deployment, and the display of results."""
