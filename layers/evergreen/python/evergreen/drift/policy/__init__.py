"""The retraining policy: from the tests of a check to a verdict, and to a retraining or none.

In: test records of one check and the decisions of earlier checks. Out: one decision with its
reason and its severity. :mod:`evergreen.drift.check` calls it; nothing here reads or writes.
"""
