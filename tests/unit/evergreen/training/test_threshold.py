"""A threshold is part of the model: fixed or tuned, it decides in training and in the bundle."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pydantic import ValidationError
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import f1_score, recall_score

from evergreen.bundle.predictor import Predictor
from evergreen.datasets.schema import to_columns
from evergreen.errors import ModelDefinitionError, NotEnoughDataError
from evergreen.evaluation.evaluate import scores_of
from evergreen.model_definition import ModelDefinition
from evergreen.training.mlflow_model import own_types
from evergreen.training.onnx_export import export_bundle
from evergreen.training.threshold import best_threshold
from evergreen.training.trainer import fit, to_features

ROWS = 500
ORDER = np.random.default_rng(1).permutation(ROWS)


def defined(**rule: Any) -> ModelDefinition:
    return ModelDefinition.model_validate(
        {
            "name": "fruit",
            "task": "classification",
            "target": "ripe",
            "features": {"size": {"type": "float"}, "days": {"type": "integer"}},
            "evaluation": rule,
        }
    )


def rows(classes: tuple[str, ...] = ("no", "yes")) -> pa.Table:
    """Rows in no order; one in ten is ripe."""
    random = np.random.default_rng(0)
    size = random.normal(size=ROWS)
    found = (size + random.normal(size=ROWS) > 1.8).astype(int) if len(classes) == 2 else None
    codes = random.integers(0, len(classes), ROWS) if found is None else found
    start = datetime(2026, 1, 1, tzinfo=UTC)
    table = pa.table(
        {
            "size": size,
            "days": random.integers(0, 9, ROWS).astype(float),
            "ripe": np.array(classes)[codes],
            "timestamp": [start + timedelta(minutes=number) for number in range(ROWS)],
            "split": ["train"] * ROWS,
        }
    )
    return table.take(ORDER)


def linear(features: Any, target: Any) -> Any:
    return LogisticRegression().fit(features, target)


def test_a_fixed_threshold_decides_in_the_bundle_and_the_evaluation() -> None:
    definition, table = defined(metric="recall", threshold=0.2), rows()
    estimator: Any = fit(definition, linear, table)
    columns = to_columns(definition, table)
    bundle = export_bundle(estimator, definition, columns, "1")
    answers = np.array(Predictor(bundle).predict(columns).outputs)
    probable = linear(to_features(definition, table), table["ripe"].to_pandas())
    expected = probable.predict_proba(to_features(definition, table))[:, 1] >= 0.2
    assert bundle.signature.threshold == 0.2
    assert ((answers == "yes") == expected).all()
    assert (answers == estimator.predict(to_features(definition, table))).all()
    recall = scores_of(definition, bundle, table)["recall"]
    truth = table["ripe"].to_pylist()
    assert recall == pytest.approx(recall_score(truth, answers, pos_label="yes"))
    assert own_types(estimator, "fruit") == []  # it can be kept in the run


def test_a_tuned_threshold_is_the_best_of_the_newest_fifth() -> None:
    fitted_on: list[int] = []

    def trainer(features: Any, target: Any) -> Any:
        fitted_on.append(len(target))
        return linear(features, target)

    definition, table = defined(threshold="tuned"), rows()
    estimator: Any = fit(definition, trainer, table)
    ordered = table.sort_by("timestamp")
    older, newer = ordered.slice(0, 400), ordered.slice(400)
    first = linear(to_features(definition, older), older["ripe"].to_pandas())
    said = first.predict_proba(to_features(definition, newer))[:, 1]
    truth = np.array(newer["ripe"].to_pylist()) == "yes"
    best = max(f1_score(truth, said >= each) for each in said)
    assert fitted_on == [400, ROWS]
    assert f1_score(truth, said >= estimator.threshold) == pytest.approx(best)
    assert best > f1_score(truth, said >= 0.5)


def test_of_equally_good_thresholds_the_middle_one_is_taken() -> None:
    probabilities = np.array([[0.9, 0.1], [0.1, 0.9]])
    truth = np.array(["no", "yes"], dtype=object)
    assert best_threshold(defined(threshold="tuned"), truth, probabilities, ["no", "yes"]) == 0.5


def test_too_few_rows_of_a_class_are_no_ground_for_a_threshold() -> None:
    table = rows().sort_by("timestamp")
    late = table.filter(pc.equal(table["ripe"], "no")).slice(0, 60)
    early = table.filter(pc.equal(table["ripe"], "yes")).slice(0, 20)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    both = pa.concat_tables([early, late]).drop_columns("timestamp")
    times = [start + timedelta(minutes=number) for number in range(both.num_rows)]
    with pytest.raises(NotEnoughDataError, match="too few of 80 rows to tune"):
        fit(defined(threshold="tuned"), linear, both.append_column("timestamp", [times]))


@pytest.mark.parametrize(
    ("trainer", "classes", "rule", "message"),
    [
        (linear, ("a", "b", "c"), {}, "takes no threshold"),
        (lambda x, y: RidgeClassifier().fit(x, y), ("no", "yes"), {}, "takes no threshold"),
        (linear, ("no", "yes"), {"positive": "no"}, "on the probability of 'yes'"),
    ],
    ids=["three classes", "no probabilities", "first class"],
)
def test_what_a_threshold_cannot_be_on_is_refused(
    trainer: Any, classes: Any, rule: dict[str, Any], message: str
) -> None:
    with pytest.raises(ModelDefinitionError, match=message):
        fit(defined(threshold=0.3, **rule), trainer, rows(classes))


def test_numbers_have_no_threshold() -> None:
    raw = defined().model_dump() | {"task": "regression", "evaluation": {"threshold": 0.5}}
    with pytest.raises(ValidationError, match=r"evaluation\.threshold does not fit task"):
        ModelDefinition.model_validate(raw)
