"""The metric without ground truth: ours beside NannyML's estimators, on the same windows."""
