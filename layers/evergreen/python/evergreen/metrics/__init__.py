"""Metrics: the one table of what Evergreen measures, and its names and values elsewhere.

In: nothing but the table itself, and answers of CloudWatch. Out: names, units and dimensions for
whoever emits, alarms or draws; newest values and histories. Functions, the CDK app, dashboards
and the status page call it.
"""
