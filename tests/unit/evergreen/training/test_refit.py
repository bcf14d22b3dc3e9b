"""What serves has learnt the newest rows, unless it no longer agrees with what was judged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from evergreen.bundle.content import Bundle, Signature
from evergreen.bundle.predictor import Predictor
from evergreen.datasets.schema import to_columns
from evergreen.datasets.splitting import HOLDOUT, OLDER, TRAIN, rows_of, with_split
from evergreen.errors import NotEnoughDataError
from evergreen.model_definition import ModelDefinition, Task
from evergreen.training.refit import Fitted, fit_bundles, sharpness_of_refit, with_label_range

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

START = datetime(2026, 3, 1, tzinfo=UTC)
ROWS, HELD_OUT = 400, 100
LABELS = pa.chunked_array([[3.5, -1.0], [7.0, None]])


def definition(task: str = "regression", **evaluation: Any) -> ModelDefinition:
    return ModelDefinition.model_validate(
        {
            "name": "plant",
            "task": task,
            "target": "height",
            "features": {"water": {"type": "float"}},
            "evaluation": evaluation,
        }
    )


def world(task: str = "regression", *, newest: float = 1.0) -> pa.Table:
    """Return rows of which the held out ones follow the law ``newest`` times water."""
    random = np.random.default_rng(1)
    water = random.normal(size=ROWS)
    held_out = np.arange(ROWS) >= ROWS - HELD_OUT
    height = np.where(held_out, newest, 1.0) * water + random.normal(scale=0.5, size=ROWS)
    table = pa.table(
        {
            "water": water.astype(np.float32),
            "height": np.where(height > 0, "tall", "short") if task == "classification" else height,
            "timestamp": pa.array(
                [START + timedelta(hours=row) for row in range(ROWS)], pa.timestamp("us", tz="UTC")
            ),
        }
    )
    return with_split(table, pa.array(held_out))


def piped(model: Any) -> Pipeline:
    return Pipeline(
        [("columns", ColumnTransformer([("all", "passthrough", ["water"])])), ("model", model)]
    )


def line(features: pd.DataFrame, target: pd.Series) -> Pipeline:
    kind = LinearRegression if target.dtype == np.float64 else LogisticRegression
    return piped(kind()).fit(features, target)


def then(second: Callable[[pd.DataFrame, pd.Series], Any]) -> Callable[..., Any]:
    """Return a trainer that fits a line first, and something else on all rows."""

    def train(features: pd.DataFrame, target: pd.Series) -> Any:
        return (second if len(features) == ROWS else line)(features, target)

    return train


def outputs(bundle: Bundle, table: pa.Table, task: str = "regression") -> Any:
    rows = rows_of(table, HOLDOUT)
    return np.array(Predictor(bundle).predict(to_columns(definition(task), rows)).outputs)


def slope(fitted: Fitted) -> float:
    estimator: Any = fitted.estimator
    return float(estimator.named_steps["model"].coef_[0])


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_recipe_is_fitted_again_on_all_rows(task: str) -> None:
    table = world(task)
    fitted = fit_bundles(definition(task), line, table, "7")
    assert fitted.bundles.serves == "the same recipe fitted on all 400 rows serves"
    assert fitted.bundles.serving != fitted.bundles.judged
    assert {fitted.bundles.serving.version, fitted.bundles.judged.version} == {"7"}


def test_how_much_surer_the_refit_is_shows_in_the_rows_that_both_have_learnt() -> None:
    # The holdout says the opposite of the training rows, so who has learnt it is less sure.
    table, numbers = world("classification", newest=-1.0), world()
    model = definition("classification")
    bundles = fit_bundles(model, line, table, "7").bundles
    judged = Predictor(bundles.judged)
    said = judged.predict(to_columns(model, rows_of(table, HOLDOUT)))
    found = sharpness_of_refit(model, bundles, table, said)
    assert found is not None
    assert found.classes == 2
    assert found.factor < 0.8
    alone = fit_bundles(definition("classification", refit=False), line, table, "7").bundles
    assert sharpness_of_refit(model, alone, table, said) is None
    lines = fit_bundles(definition(), line, numbers, "7").bundles
    guessed = Predictor(lines.judged).predict(to_columns(definition(), rows_of(numbers, HOLDOUT)))
    assert sharpness_of_refit(definition(), lines, numbers, guessed) is None


def test_what_is_judged_has_not_seen_the_holdout() -> None:
    # The holdout says the opposite of the training rows: only who has seen it can know.
    table = world(newest=-1.0)
    bundles = fit_bundles(definition(), line, table, "7").bundles
    alone = fit_bundles(definition(refit=False), line, table, "7").bundles
    assert alone.serving == alone.judged == bundles.judged
    assert alone.serves is None
    truth = np.array(rows_of(table, HOLDOUT)["height"])
    errors = [
        np.mean((outputs(bundle, table) - truth) ** 2)
        for bundle in (bundles.judged, bundles.serving)
    ]
    assert errors[1] < 0.7 * errors[0]


def test_rows_from_before_the_training_window_are_learnt_by_neither_fit() -> None:
    table = world()
    split = np.array(table["split"].to_pylist(), dtype=object)
    split[:100] = OLDER
    place = table.column_names.index("split")
    marked = table.set_column(place, "split", pa.array(split))
    seen: list[int] = []

    def train(features: pd.DataFrame, target: pd.Series) -> Any:
        seen.append(len(features))
        return line(features, target)

    fitted = fit_bundles(definition(), train, marked, "7")
    assert seen == [np.sum(split == TRAIN), ROWS - 100]
    assert fitted.bundles.serves == f"the same recipe fitted on all {ROWS - 100} rows serves"


def test_the_estimator_that_is_kept_is_the_one_that_serves() -> None:
    table = world(newest=-1.0)
    both, alone = (
        fit_bundles(definition(refit=refit), line, table, "7") for refit in (True, False)
    )
    assert slope(both) < slope(alone) - 0.1


def test_a_label_that_only_the_holdout_has_is_in_the_range_of_what_serves() -> None:
    table = world()
    place = table.column_names.index("height")
    heights = table["height"].to_pylist()
    heights[-1] = 99.0
    table = table.set_column(place, "height", pa.array(heights))
    bundles = fit_bundles(definition(), line, table, "7").bundles
    ranges = [bundle.signature.label_range for bundle in (bundles.judged, bundles.serving)]
    assert [None if found is None else found[1] < 99.0 for found in ranges] == [True, False]


@pytest.mark.parametrize(
    ("task", "broken", "reason"),
    [
        ("regression", DecisionTreeRegressor, "does worse on the holdout"),
        ("classification", DecisionTreeClassifier, "does worse on the holdout"),
    ],
    ids=["regression", "classification"],
)
def test_a_broken_refit_does_not_serve(task: str, broken: Any, reason: str) -> None:
    def constant(features: pd.DataFrame, target: pd.Series) -> Any:
        return piped(broken(min_samples_split=ROWS + 1)).fit(features, target)

    trainer = then(constant)
    bundles = fit_bundles(definition(task), trainer, world(task), "7").bundles
    assert bundles.serving == bundles.judged
    assert bundles.serves is not None
    assert bundles.serves.startswith("the judged model serves, because ")
    assert reason in bundles.serves


def test_a_refit_that_is_further_away_than_the_truth_does_not_serve() -> None:
    """It does no worse there, but what it says is not what the rows taught it."""

    def mirrored(features: pd.DataFrame, target: pd.Series) -> Any:
        return line(features, 2.05 * target)

    table = world(newest=1.8)
    bundles = fit_bundles(definition(), then(mirrored), table, "7").bundles
    assert bundles.serving == bundles.judged
    assert "differ on the holdout by" in str(bundles.serves)
    assert "more than the judged model's own error there" in str(bundles.serves)


def test_probabilities_that_turn_without_the_labels_are_noticed() -> None:
    def unsure(features: pd.DataFrame, target: pd.Series) -> Any:
        # So much regularisation that every probability is one half; the labels hardly move.
        return piped(LogisticRegression(C=1e-6, fit_intercept=False)).fit(features, target)

    random = np.random.default_rng(2)
    table = world("classification")
    water = np.sign(random.normal(size=ROWS)) * (2 + random.random(ROWS))
    table = table.set_column(0, "water", pa.array(water.astype(np.float32)))
    table = table.set_column(1, "height", pa.array(np.where(water > 0, "tall", "short")))
    bundles = fit_bundles(definition("classification"), then(unsure), table, "7").bundles
    assert list(outputs(bundles.judged, table, "classification")) == (
        rows_of(table, HOLDOUT)["height"].to_pylist()
    )
    assert bundles.serving == bundles.judged
    assert "the probabilities of both fits differ" in str(bundles.serves)


def test_a_second_fit_that_fails_leaves_the_first() -> None:
    def fails(_features: pd.DataFrame, _target: pd.Series) -> Any:
        raise ZeroDivisionError("no")

    bundles = fit_bundles(definition(), then(fails), world(), "7").bundles
    assert bundles.serving == bundles.judged
    assert "the fit on all rows failed (ZeroDivisionError: no)" in str(bundles.serves)


def test_a_first_fit_that_fails_is_an_error() -> None:
    everything = with_split(world(), pa.repeat(pa.scalar(value=True), ROWS))
    with pytest.raises(NotEnoughDataError, match="no rows to train on"):
        fit_bundles(definition(), line, everything, "7")


def test_without_a_holdout_there_is_one_fit() -> None:
    everything = with_split(world(), pa.repeat(pa.scalar(value=False), ROWS))
    bundles = fit_bundles(definition(), line, everything, "7").bundles
    assert bundles.serving == bundles.judged
    assert bundles.serves is None


def noted(task: Task, labels: pa.ChunkedArray) -> tuple[float, float] | None:
    signature = Signature(task=task, target="y", features=(), classes=None)
    bundle = with_label_range(Bundle("1", signature, b"model"), labels)
    assert (bundle.version, bundle.model) == ("1", b"model")
    return bundle.signature.label_range


def test_a_bundle_knows_the_range_of_the_labels_in_training() -> None:
    assert noted("regression", LABELS) == (-1.0, 7.0)
    assert noted("time_series", LABELS.slice(0, 1)) == (3.5, 3.5)


def test_classes_have_no_range() -> None:
    assert noted("classification", pa.chunked_array([["late", "on time"]])) is None
