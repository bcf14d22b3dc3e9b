"""Reporting: the status of each model, collected for people.

In: drift log, decisions, episodes, pointer, metrics and the newest objects of the request log. Out:
the documents of the status page: the state of all models, the details of one, its newest rows. The
function ``describe_api`` calls it.
"""
