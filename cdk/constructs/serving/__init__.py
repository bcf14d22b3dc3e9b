"""The REST API, and what each model needs to be served behind it."""
