"""Drift: has what the model sees, or how well it does, moved away from its reference?

In: the reference data set, a window of the request log, and ground truth where there is some.
Out: one record per test and one decision in the drift log, the model's episodes, and an HTML
report. The function ``check_drift`` calls :mod:`evergreen.drift.check`; the detectors test, the
policy decides, the episodes remember.
"""
