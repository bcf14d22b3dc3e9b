"""Capture: records of predictions and of ground truth on their way out of a function.

In: the rows of one request with their predictions, or items of ground truth. Out: JSON lines in a
Firehose stream, or in one S3 object when Firehose refuses them. Serving calls it before it
answers.
"""
