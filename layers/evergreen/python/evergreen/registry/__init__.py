"""The model registry: runs and versions, as a mirror of the production pointer.

It is in MLflow, or in the data bucket where there is no server.

In: a trained challenger with its parameters, metrics and files. Out: a run, a registered version,
and its tags and aliases. Training, promotion, rejection and rollback call it.
"""
