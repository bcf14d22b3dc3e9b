"""Drift episodes: a stretch of checks with drift is one episode with a beginning and an end.

In: the outcome of one check and the state after the previous check. Out: the next state, and the
notices about the change. The function ``check_drift`` and the status page call it.
"""
