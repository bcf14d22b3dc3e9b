"""Episodes: drift that lasts is one story with a beginning and an end.

In: the outcome of one check and the state that the check before it left. Out: the next state, and
what people are told about the change. The function ``check_drift`` and the status page call it.
"""
