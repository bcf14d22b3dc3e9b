"""Evaluation: champion and challenger on the same labelled rows, and how sure the difference is.

In: bundles and a holdout. Out: a comparison with metrics, bootstrap intervals and protected
segments, and a report for people. The function ``evaluate``, training, the drift check and the
shadow stage call it.
"""
