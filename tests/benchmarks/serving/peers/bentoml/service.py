"""A scikit-learn pipeline in BentoML: named rows become a data frame."""

from __future__ import annotations

import os
from typing import Any

import bentoml
import joblib
import pandas as pd


@bentoml.service(workers=1, traffic={"timeout": 60})
class Measured:
    """The pipeline that the environment names."""

    def __init__(self) -> None:
        self._pipeline = joblib.load(os.environ["MEASURED_MODEL"])

    @bentoml.api  # type: ignore[untyped-decorator]
    def predict(self, instances: list[dict[str, Any]]) -> dict[str, list[Any]]:
        scores = self._pipeline.predict_proba(pd.DataFrame(instances))
        labels = self._pipeline.classes_[scores.argmax(axis=1)]
        return {"predictions": labels.tolist(), "confidences": scores.max(axis=1).tolist()}
