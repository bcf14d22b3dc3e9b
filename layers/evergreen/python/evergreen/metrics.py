"""The one table of Evergreen's metrics: names, units, and what each one says."""

from __future__ import annotations

from enum import StrEnum

NAMESPACE = "Evergreen"
MODEL_DIMENSION = "model"


class Metric(StrEnum):
    """Names in CloudWatch, namespace ``Evergreen``, dimension ``model``."""

    REQUESTS = "Requests"
    PREDICTIONS = "Predictions"
    BATCH_SIZE = "BatchSize"
    INFERENCE_TIME = "InferenceTime"
    CONFIDENCE = "Confidence"
    MISSING_VALUES = "MissingValues"
    INVALID_VALUES = "InvalidValues"
    OUT_OF_RANGE = "OutOfRange"
    UNSEEN_CATEGORIES = "UnseenCategories"
    MODEL_LOAD_TIME = "ModelLoadTime"
    MODEL_LOAD_FAILURES = "ModelLoadFailures"
    LOG_SPILLS = "LogSpills"
    DRIFTED_FEATURES = "DriftedFeatures"
    DRIFTED_SHARE = "DriftedShare"
    MULTIVARIATE_ACCURACY = "MultivariateAccuracy"
    WINDOW_ROWS = "WindowRows"
    RETRAININGS = "Retrainings"
    PROMOTIONS = "Promotions"
    REJECTIONS = "Rejections"
