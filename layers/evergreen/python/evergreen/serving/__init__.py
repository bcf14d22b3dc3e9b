"""Serving: validates a request, predicts, logs every row, and then responds.

In: a request body in one of the accepted forms. Out: a response in the same protocol, records for
:mod:`evergreen.capture`, and metrics. The function ``predict`` calls it.

It imports neither pandas nor scikit-learn, MLflow or Evidently.
"""
