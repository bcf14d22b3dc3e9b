"""Deployment: what a notebook or a script does with a deployment, as data frames and calls.

In: where the deployment is, on a laptop or in an AWS account. Out: its request log, labels, drift
log, history and metrics as data frames; training, promotion and rollback by hand. Notebooks and
users' scripts use :class:`evergreen.Deployment`; the command line uses the modules below it.
"""
