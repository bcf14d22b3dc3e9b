"""Serving: the REST API, and the resources of each model behind it."""
