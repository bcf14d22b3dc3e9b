"""Repair: what interruptions leave behind, and how each of them is completed or undone.

In: the registry, the data bucket and the production pointer. Out: findings, and the steps that
put them right. ``evergreen doctor`` and the retraining's clean-up call it.
"""
