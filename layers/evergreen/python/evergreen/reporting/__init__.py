"""Reporting: the status of each model, collected for people.

In: drift log, decisions, episodes, pointer and metrics. Out: one document for the status page.
The function ``describe_api`` calls it.
"""
