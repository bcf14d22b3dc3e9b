"""Training: a challenger fitted by the model folder's own code, exported and logged as a run.

In: a data set and a model definition. Out: a finished run in the registry with a bundle whose
predictions were compared with the estimator's. The function ``train``, the training job and
``evergreen train`` call it.
"""
