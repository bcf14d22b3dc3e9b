"""Detectors: the statistical tests of a drift check.

In: columns of the reference and of the window. Out: one record per test for the drift log.
:mod:`evergreen.drift.check` calls them.
"""
