"""Drift detection: compares a window of traffic, and the model's metric, with the reference.

In: the reference data set, a window of the request log, and ground truth where there is some. Out:
one record per test and one decision in the drift log, the model's episodes, and an HTML report. The
function ``check_drift`` calls :mod:`evergreen.drift.check`; the detectors run the tests, the policy
decides, and the episodes keep the state between checks.
"""
