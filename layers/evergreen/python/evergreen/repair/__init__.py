"""Repair: finds interrupted operations, and completes or undoes them.

In: the registry, the data bucket and the production pointer. Out: findings, and the steps that
repair them. ``evergreen doctor`` and the retraining's clean-up call it.
"""
