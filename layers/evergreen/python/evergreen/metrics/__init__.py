"""Metrics: the table of Evergreen's metrics, and their names and values in other systems.

In: the table itself, and responses of CloudWatch. Out: names, units and dimensions for emission,
alarms and dashboards; newest values and histories. Functions, the CDK app, dashboards and the
status page call it.
"""
