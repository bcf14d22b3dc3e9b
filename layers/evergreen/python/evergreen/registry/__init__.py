"""The model registry: runs and versions in MLflow, as a mirror of the production pointer.

In: a trained challenger with its parameters, metrics and files. Out: a run, a registered version,
and its tags and aliases. Training, promotion, rejection and rollback call it.
"""
