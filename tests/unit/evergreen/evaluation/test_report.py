"""Reports of models that are really fitted, for each task."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from evergreen.datasets.manifest import AgeEffect
from evergreen.evaluation.decision import SHOWN_SEGMENTS
from evergreen.evaluation.evaluate import evaluate
from evergreen.evaluation.report import (
    REPORT_DATA,
    REPORT_PAGE,
    EvaluationContext,
    report_data,
    report_files,
)
from evergreen.model_definition import ModelDefinition
from evergreen.training.onnx_export import export_bundle
from tests.support.trained_models import DEFINITION, bundle, frame, signal, training_columns

if TYPE_CHECKING:
    from evergreen.evaluation.side_by_side import EvaluationResult

START = datetime(2026, 1, 1, tzinfo=UTC)
CONTEXT = EvaluationContext(run_id="run", challenger="2", champion="1", dataset_id="ds-1", at=START)
SCRIPT = "<script>alert(1)</script>"


def defined(task: str, **evaluation: Any) -> ModelDefinition:
    forecast = {"horizon": 7, "seasonal_naive": "stops"} if task == "time_series" else None
    changes = {"task": task, "forecast": forecast, "evaluation": evaluation}
    return ModelDefinition.model_validate({**DEFINITION.model_dump(), **changes})


def holdout(target: Any, rows: slice = slice(0, 400)) -> pa.Table:
    columns = {name: values[rows] for name, values in training_columns().items()}
    count = len(columns["wind"])
    line = [name if name != "S7" else SCRIPT for name in columns["line"]]
    return pa.table(
        {
            **columns,
            "wind": pa.array(columns["wind"], from_pandas=True),  # NaN is null in data sets
            "line": pa.array(line, pa.string()),
            "late": pa.array(target[rows]),
            "timestamp": pa.array(
                [START + timedelta(days=rows.start + row) for row in range(count)],
                pa.timestamp("us", tz="UTC"),
            ),
        }
    )


@cache
def classified(*, champion: bool = True) -> EvaluationResult:
    target = np.where(signal() > 0.3, "late", "on time").astype(object)
    return evaluate(
        defined("classification", segments=["line", "stops", "express"]),
        holdout(target),
        champion=bundle("1") if champion else None,
        challenger=bundle("2"),
        champion_training=holdout(target, slice(300, 900)),
        training=holdout(target, slice(400, 900)),
    )


@cache
def numbered(task: str) -> EvaluationResult:
    columns = ColumnTransformer(
        [
            ("numbers", "passthrough", ["stops", "express"]),
            ("line", OneHotEncoder(handle_unknown="ignore"), ["line"]),
        ]
    )
    definition = defined(task, segments=["line"])
    old, new = (
        export_bundle(
            Pipeline([("columns", columns), ("ridge", Ridge(alpha))]).fit(
                frame(training_columns()), signal()
            ),
            definition,
            training_columns(),
            str(alpha),
        )
        for alpha in (10_000, 1)
    )
    return evaluate(definition, holdout(signal()), champion=old, challenger=new)


@pytest.mark.parametrize(
    ("task", "pictures"),
    [
        ("classification", {"confusion", "calibration", "improvement"}),
        ("regression", {"residuals", "residual_histogram", "improvement"}),
        (
            "time_series",
            {"residuals", "residual_histogram", "forecasts", "origins", "improvement"},
        ),
    ],
)
def test_each_task_has_its_pictures_in_one_page_that_stands_alone(
    task: str, pictures: set[str]
) -> None:
    files = report_files(classified() if task == "classification" else numbered(task), CONTEXT)
    assert set(files) == {REPORT_PAGE, REPORT_DATA, *(f"{name}.png" for name in pictures)}
    page = files[REPORT_PAGE].decode()
    sources = re.findall(r'src="([^"]*)"', page)
    assert len(sources) == len(pictures)
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert "http" not in page
    for name in pictures:
        assert files[f"{name}.png"].startswith(b"\x89PNG")


def test_what_callers_sent_is_text_on_the_page() -> None:
    page = report_files(classified(), CONTEXT)[REPORT_PAGE].decode()
    assert "line = &lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert SCRIPT not in page


def test_the_data_holds_every_segment_and_the_comparison_a_few() -> None:
    evaluation = classified()
    data = json.loads(report_files(evaluation, CONTEXT)[REPORT_DATA])
    assert data["comparison"] == evaluation.comparison.model_dump(mode="json")
    assert len(data["comparison"]["segments"]) == SHOWN_SEGMENTS < len(data["segments"])
    assert len(json.dumps(data["comparison"])) < 4000
    by_feature: dict[str, int] = {}
    for segment in data["segments"]:
        by_feature[segment["feature"]] = by_feature.get(segment["feature"], 0) + segment["rows"]
    assert by_feature == {"line": 400, "stops": 400, "express": 400}
    for model in ("champion", "challenger"):
        assert np.sum(data["answers"][model]["confusion"]["true_by_said"]) == 400
        curve = data["answers"][model]["calibration"]
        assert curve["said"] == sorted(curve["said"])
        assert len(curve["said"]) == len(curve["came_true"]) > 0


def test_the_page_tells_the_holdout_from_what_was_pooled_with_it() -> None:
    evaluation = classified()
    effect = AgeEffect(
        rows=1234, origins=6, share_worse=0.5, loss=0.0625, error=0.25, probability_worse=0.6
    )
    pooled = {"aging": effect, "probability_better": 0.4321, "probability_on_holdout": 0.1234}
    changed = evaluation.comparison.model_copy(update=pooled)
    for comparison, told in ((evaluation.comparison, False), (changed, True)):
        files = report_files(replace(evaluation, comparison=comparison), CONTEXT)
        page = files[REPORT_PAGE].decode()
        assert ("At earlier origins" in page) is told
        assert ("the challenger is better with probability 43.2%" in page) is told
        assert all((cell in page) is told for cell in ("1,234 rows", "0.0625"))
        alone = comparison.probability_on_holdout
        assert alone is not None
        assert f"Better in {alone:.1%} of the resamples" in page


def test_the_record_says_which_rows_were_trained_on() -> None:
    comparison = classified().comparison
    assert (comparison.seen_by_champion, comparison.seen_by_challenger) == (100, 0)
    assert "on 400 rows (the champion was trained on 100 of them)" in comparison.reason


def test_a_time_series_is_told_window_by_window() -> None:
    data = report_data(numbered("time_series"), CONTEXT)
    assert len(data["origins"]) == 12
    assert sum(window["rows"] for window in data["origins"]) == 400
    assert data["comparison"]["beside_challenger"]["rmse_worst_window"] == pytest.approx(
        max(window["challenger"] for window in data["origins"])
    )


def test_a_first_model_has_a_report_too() -> None:
    context = EvaluationContext(
        run_id="run", challenger="2", champion=None, dataset_id="ds-1", at=START
    )
    files = report_files(classified(champion=False), context)
    assert set(files) == {REPORT_PAGE, REPORT_DATA, "confusion.png", "calibration.png"}
    assert "version 2 against nothing in production" in files[REPORT_PAGE].decode()
