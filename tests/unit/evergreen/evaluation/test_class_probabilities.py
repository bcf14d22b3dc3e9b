"""What serving answers, the log keeps: the metric of the log is the metric of the model."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from evergreen.bundle.predictor import Predictor
from evergreen.capture.request_log import RequestLogWriter
from evergreen.evaluation.class_probabilities import (
    as_columns,
    logged_shares,
    named_classes,
    shares_of_classes,
)
from evergreen.evaluation.scoring import score_predictions
from evergreen.lake.lines import LineReader
from evergreen.lake.tables import REQUEST_LOG
from evergreen.model_definition import ModelDefinition
from evergreen.training.onnx_export import export_bundle

DEFINITION = ModelDefinition.model_validate(
    {
        "name": "m",
        "task": "classification",
        "target": "y",
        "features": {"a": {"type": "float"}, "b": {"type": "float"}},
        "evaluation": {"metric": "log_loss"},
    }
)


def test_the_log_has_what_the_metric_needs() -> None:
    random = np.random.default_rng(0)
    columns = {name: random.normal(size=300).astype(np.float32) for name in "ab"}
    labels = np.array(["ü", "b", "c"], dtype=object)[
        (columns["a"] + random.normal(0, 0.5, 300) > 0).astype(int) + (columns["b"] > 1)
    ]
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(pd.DataFrame(columns), labels)
    bundle = export_bundle(model, DEFINITION, columns, "1")
    answered = Predictor(bundle).predict(columns)
    lines = RequestLogWriter(DEFINITION).lines(
        timestamp=datetime(2026, 1, 1, tzinfo=UTC),
        request_id="r",
        model_version="1",
        written={name: values.tolist() for name, values in columns.items()},
        outputs=answered.outputs,
        confidences=answered.confidences,
        metadata={"role": "champion"},
        probabilities=answered.by_class(),
    )
    rows, _ = LineReader(REQUEST_LOG, DEFINITION).read([("key", lines)])
    logged = logged_shares(rows)
    assert named_classes(logged) == {"b", "c", "ü"}
    expected = log_loss(labels, model.predict_proba(pd.DataFrame(columns)))
    shares = shares_of_classes(logged, "bcü")
    shares /= shares.sum(axis=1, keepdims=True)  # they are 32 bits wide
    assert log_loss(labels, shares) == pytest.approx(expected, rel=1e-5)
    table = pa.table({**columns, "y": labels.tolist()})
    scored = score_predictions(DEFINITION, bundle, table, labels, ["b", "c", "d", "ü"], None)
    assert scored.metric == pytest.approx(expected, rel=1e-5)
    assert scored.shares == logged
    one = {name: values[:1] for name, values in columns.items()}
    alone = Predictor(bundle).predict(one).by_class()
    assert alone is not None
    assert alone[0] == pytest.approx(logged[0])


def test_rows_and_models_with_other_classes_have_one_form() -> None:
    rows = pa.table({"x_probabilities": ['{"a": 0.25, "c": 0.75}', None]})
    found = shares_of_classes(logged_shares(rows, "x_"), "cba")
    assert found[0].tolist() == [0.25, 0.0, 0.75]
    assert np.isnan(found[1]).all()
    assert logged_shares(rows) == [None, None]
    assert as_columns(np.array([[0.25, 0.75]]), ["c", "a"], "abc").tolist() == [[0.75, 0.0, 0.25]]
