"""Champions and challengers that have no answer to some rows."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from evergreen.errors import PredictionError
from evergreen.evaluation.answered import answered_rows
from evergreen.evaluation.evaluate import compare
from evergreen.training.onnx_export import export_bundle
from tests.support.trained_models import frame, signal, training_columns
from tests.unit.evergreen.evaluation.test_evaluate import REGRESSION, regressor, table

if TYPE_CHECKING:
    from collections.abc import Collection

    from evergreen.bundle.content import Bundle
    from evergreen.evaluation.comparison import Comparison

ROWS = 300
GOOD, FAIR = regressor("1", 1.0), regressor("2", 1e3)
"""They do not look at the line, so they answer every row."""


@cache
def strict(version: str, alpha: float) -> Bundle:
    """Train what fails on a line that it does not know."""
    lines = OneHotEncoder(handle_unknown="error", sparse_output=False)
    columns = ColumnTransformer(
        [("numbers", "passthrough", ["stops", "express"]), ("lines", lines, ["line"])]
    )
    pipeline = Pipeline([("columns", columns), ("model", Ridge(alpha))])
    pipeline.fit(frame(training_columns()), signal())
    return export_bundle(pipeline, REGRESSION, training_columns(), version)


def holdout(unknown: Collection[int]) -> pa.Table:
    """Return rows of which these are of a line that nobody knows."""
    rows = table(signal(), 0, ROWS)
    lines = ["U9" if row in unknown else line for row, line in enumerate(rows["line"].to_pylist())]
    return rows.set_column(rows.column_names.index("line"), "line", pa.array(lines))


def verdict(unknown: int, champion: Bundle, challenger: Bundle) -> Comparison:
    rows = holdout(range(ROWS - unknown, ROWS))
    return compare(REGRESSION, rows, champion=champion, challenger=challenger, resamples=200)


def test_a_champion_that_fails_on_new_rows_is_compared_on_the_others_and_less_is_asked() -> None:
    found = verdict(10, strict("1", 1e6), GOOD)
    assert (found.rows, found.decision) == (ROWS - 10, "promote")
    said = "of 300 rows the champion has no answer to 10, and the challenger to 0"
    assert found.reason.endswith(f"; {said}, so 0.2 is enough")
    # A challenger that is surely worse on the others is none to rely on.
    assert verdict(10, strict("1", 1.0), FAIR).decision == "reject"


def test_a_champion_that_answers_hardly_any_row_is_replaced() -> None:
    for answered, decision in ((19, "promote"), (20, "reject")):
        found = verdict(ROWS - answered, strict("1", 1.0), FAIR)
        assert found.decision == decision
        assert (found.metric_champion is None) == (decision == "promote")
        assert found.champion == "1"
        assert f"the champion has no answer to {ROWS - answered}, " in found.reason


def test_a_challenger_that_fails_on_more_rows_loses() -> None:
    found = verdict(10, FAIR, strict("2", 1.0))
    assert found.probability_better is not None
    assert found.probability_better > 0.95
    assert found.decision == "reject"
    said = "of 300 rows the champion has no answer to 0, and the challenger to 10"
    assert found.reason.endswith(f"; {said}, so the champion stays")


def test_what_neither_answers_speaks_for_nobody() -> None:
    found = verdict(10, strict("1", 1e6), strict("2", 1.0))
    assert (found.rows, found.decision) == (ROWS - 10, "promote")
    assert "no answer" not in found.reason


def test_without_a_champion_a_challenger_must_answer_all() -> None:
    with pytest.raises(PredictionError, match="'U9' is a category of 'line'"):
        compare(REGRESSION, holdout({5}), champion=None, challenger=strict("1", 1.0))


def test_a_serving_model_counts_as_the_champion_does() -> None:
    rows = holdout({5, 6})
    found = compare(
        REGRESSION, rows, champion=FAIR, serving=strict("2", 1e3), challenger=GOOD, resamples=200
    )
    assert "the champion has no answer to 2, and the challenger to 0" in found.reason


@given(st.sets(st.integers(0, ROWS - 1)))
@settings(max_examples=20, deadline=None)
def test_each_row_without_an_answer_is_found(unknown: set[int]) -> None:
    found = answered_rows(REGRESSION, holdout(unknown), [strict("1", 1.0)], GOOD)
    assert set(np.flatnonzero(~found.champion).tolist()) == unknown
    assert set(np.flatnonzero(~found.both).tolist()) == unknown
    assert found.challenger.all()
    assert found.champion_lacks_more == bool(unknown)
    assert not found.challenger_lacks_more


def test_a_number_that_is_not_finite_is_no_answer() -> None:
    huge = export_bundle(
        Pipeline(
            [
                ("columns", ColumnTransformer([("numbers", "passthrough", ["stops"])])),
                ("model", Ridge()),
            ]
        ).fit(frame(training_columns()), training_columns()["stops"] * 1e33),
        REGRESSION,
        training_columns(),
        "1",
    )
    rows = holdout(())
    stops = rows["stops"].to_numpy().copy()
    stops[7] = 1e6
    far = rows.set_column(rows.column_names.index("stops"), "stops", pa.array(stops))
    found = answered_rows(REGRESSION, far, [huge], GOOD)
    assert np.flatnonzero(~found.champion).tolist() == [7]
    assert compare(REGRESSION, far, champion=huge, challenger=GOOD, resamples=50).rows == ROWS - 1
