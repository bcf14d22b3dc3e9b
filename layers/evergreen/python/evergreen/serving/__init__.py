"""Serving: from the bytes of a request to an answer, with every row logged before it.

In: a request body in one of the accepted forms. Out: an answer in the same protocol, records for
:mod:`evergreen.capture`, and metrics. The function ``predict`` calls it.

It imports neither pandas nor scikit-learn, MLflow or Evidently.
"""
