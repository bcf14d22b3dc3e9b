"""Queries of the log by Athena, for deployments whose log does not fit one function's memory."""
