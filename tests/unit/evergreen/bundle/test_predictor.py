"""The bundle alone predicts as the estimator did, with nothing of its libraries."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.bundle.content import Bundle
from evergreen.bundle.predictor import Predictor
from evergreen.errors import BundleError
from evergreen.serving.data_quality import QualityCheck
from tests.support.trained_models import DEFINITION, bundle, frame, pipeline, training_columns

PREDICTOR = Predictor(bundle())
HEAVY = ("pandas", "mlflow", "sklearn", "evidently", "pyarrow", "onnx", "skl2onnx", "scipy")

rows = st.lists(
    st.tuples(
        st.just(float("nan")) | st.floats(-100, 100, width=32),
        st.integers(-1000, 1000),
        st.sampled_from(["U1", "U2", "S7", "", "never seen", "ü"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=20,
)


@given(rows)
def test_onnx_and_scikit_learn_agree_on_any_row(given_rows: Any) -> None:
    wind, stops, line, express = zip(*given_rows, strict=True)
    columns = {
        "wind": np.array(wind, dtype=np.float32),
        "stops": np.array(stops, dtype=np.float32),
        "line": np.array(line, dtype=object),
        "express": np.array(express, dtype=np.float32),
    }
    predictions = PREDICTOR.predict(columns)
    expected = pipeline(1).predict_proba(frame(columns))
    assert predictions.confidences is not None
    np.testing.assert_allclose(predictions.confidences, expected.max(axis=1), atol=1e-5)
    clear = np.abs(expected[:, 0] - 0.5) > 1e-5
    said = pipeline(1).predict(frame(columns))
    assert [o for o, c in zip(predictions.outputs, clear, strict=True) if c] == list(said[clear])


def test_what_is_no_onnx_is_refused() -> None:
    with pytest.raises(BundleError, match="cannot load"):
        Predictor(Bundle("1", bundle().signature, b"not onnx"))


def test_a_model_with_other_inputs_is_refused() -> None:
    signature = bundle().signature
    with pytest.raises(BundleError, match="the signature has"):
        Predictor(
            replace(
                bundle(),
                signature=signature.model_copy(update={"features": signature.features[:-1]}),
            )
        )


def test_findings_count_values_not_rows() -> None:
    check = QualityCheck(DEFINITION, bundle().signature)
    columns = {
        "wind": np.array([np.nan, 3.5, -3, 0], dtype=np.float32),
        "stops": np.array([-1, 41, 40, 0], dtype=np.float32),
        "line": np.array(["", "U1", "U9", "U9"], dtype=object),
        "express": np.array([0, 1, 0, 1], dtype=np.float32),
    }
    findings = check.count(columns)
    assert (findings.missing, findings.out_of_range, findings.unseen_categories) == (2, 3, 2)
    quiet = check.count({name: values[:50] for name, values in training_columns().items()})
    assert quiet.unseen_categories == 0


@pytest.mark.parametrize(
    "module",
    [
        "evergreen.bundle.predictor",
        "evergreen.serving.server",
        "functions.predict.handler",
        "functions.describe_api.handler",
    ],
)
def test_nothing_heavy_is_imported_to_serve(module: str) -> None:
    code = f"import sys, {module}; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_where_there_is_no_scikit_learn_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "evergreen.bundle.sklearn_engine", raising=False)
    monkeypatch.setitem(sys.modules, "skops", None)
    by_sklearn = bundle().signature.model_copy(update={"serving": "sklearn"})
    with pytest.raises(BundleError, match=r"there is no skops here\. Keep serving = "):
        Predictor(Bundle("1", by_sklearn, b"any"))
