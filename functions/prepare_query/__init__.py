"""Prepares a query of the log for the state machines, and removes what the query wrote."""
