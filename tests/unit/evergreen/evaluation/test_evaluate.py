from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier

from evergreen.errors import NotEnoughDataError
from evergreen.evaluation.evaluate import compare, evaluate, scores_of
from evergreen.evaluation.segments import judge_segments
from evergreen.model_definition import Evaluation, ModelDefinition
from evergreen.training.onnx_export import export_bundle
from tests.support.made_up_predictions import gains_f1, gains_rmse
from tests.support.trained_models import DEFINITION, frame, signal, training_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from evergreen.bundle.content import Bundle

START = datetime(2026, 1, 1, tzinfo=UTC)
ON_TIME, LATE, EARLY = "0 on time", "1 late", "2 early"
CLASSIFICATION = DEFINITION.model_copy(
    update={"evaluation": Evaluation(segments=("line",), min_segment_rows=20)}
)
REGRESSION = ModelDefinition.model_validate(
    {**DEFINITION.model_dump(), "task": "regression", "evaluation": {"segments": ["line"]}}
)
TIME_SERIES = ModelDefinition.model_validate(
    {
        **DEFINITION.model_dump(),
        "task": "time_series",
        "forecast": {"horizon": 7, "seasonal_naive": "stops"},
    }
)


def kinds(*edges: float) -> NDArray[Any]:
    """Cut the signal into two classes, or with two edges into three."""
    names = np.array([ON_TIME, LATE, EARLY], dtype=object)
    return cast("NDArray[Any]", names[np.digitize(signal(), edges)])


@cache
def classifier(version: str, depth: int, *edges: float) -> Bundle:
    return fitted(
        DecisionTreeClassifier(max_depth=depth, random_state=0),
        kinds(*edges),
        CLASSIFICATION,
        version,
    )


@cache
def regressor(version: str, alpha: float) -> Bundle:
    return fitted(Ridge(alpha), signal(), REGRESSION, version)


def fitted(model: Any, target: Any, wanted: ModelDefinition, version: str) -> Bundle:
    columns = ColumnTransformer([("numbers", "passthrough", ["stops", "express"])])
    pipeline = Pipeline([("columns", columns), ("model", model)])
    pipeline.fit(frame(training_columns()), target)
    return export_bundle(pipeline, wanted, training_columns(), version)


def table(target: NDArray[Any], first: int = 0, last: int = 300) -> pa.Table:
    columns = {name: values[first:last] for name, values in training_columns().items()}
    times = [START + timedelta(days=row) for row in range(first, last)]
    return pa.table(
        {
            **columns,
            "wind": pa.array(columns["wind"], from_pandas=True),
            "late": pa.array(target[first:last]),
            "timestamp": pa.array(times, pa.timestamp("us", tz="UTC")),
        }
    )


def test_classifiers_are_judged_on_all_classes_that_either_knows() -> None:
    # Only the champion knows buses that are early; none of the holdout is.
    truth = kinds(0.3)
    champion, challenger = classifier("1", 3, 0.3, 1.9), classifier("2", 5, 0.3)
    holdout = table(truth)
    found = evaluate(
        CLASSIFICATION,
        holdout,
        champion=champion,
        challenger=challenger,
        training=table(truth, 200, 900),
        champion_training=table(truth, 280, 900),
        seed=5,
        resamples=200,
    )
    labels = [ON_TIME, LATE, EARLY]
    assert found.champion is not None
    assert EARLY in found.champion.classes
    for side, metric in (
        (found.champion, found.comparison.metric_champion),
        (found.challenger, found.comparison.metric_challenger),
    ):
        expected = metrics.f1_score(
            found.ground_truth, side.outputs, labels=labels, average="macro", zero_division=0
        )
        assert metric == side.metric == pytest.approx(expected)
    sides = (found.ground_truth, found.champion.outputs, found.challenger.outputs)
    improvements = gains_f1(*sides, sorted(labels), seed=5, resamples=200)
    assert found.improvements is not None
    assert found.improvements.tolist() == improvements.tolist()
    assert found.comparison.probability_better == np.mean(improvements > 0)
    assert found.segments == judge_segments(
        CLASSIFICATION, holdout, *sides, sorted(labels), seed=5, resamples=200
    )
    assert found.comparison.segments == found.segments[:5]
    comparison = found.comparison
    assert comparison.champion == "1"
    assert comparison.rows == 300
    assert (comparison.seen_by_champion, comparison.seen_by_challenger) == (20, 100)
    assert comparison.beside_champion == found.champion.beside != {}
    assert comparison.beside_challenger == found.challenger.beside != comparison.beside_champion
    assert found.holdout is holdout
    assert found.definition is CLASSIFICATION
    assert found.ground_truth.tolist() == truth[:300].tolist()
    assert found.origins == ()


def test_classes_that_only_the_challenger_knows_count_too() -> None:
    holdout = table(kinds(0.3))
    champion, challenger = classifier("1", 3, 0.3), classifier("2", 3, 0.3, 1.9)
    found = evaluate(CLASSIFICATION, holdout, champion=champion, challenger=challenger)
    assert found.champion is not None
    expected = metrics.f1_score(
        found.ground_truth,
        found.champion.outputs,
        labels=[ON_TIME, LATE, EARLY],
        average="macro",
        zero_division=0,
    )
    assert found.comparison.metric_champion == pytest.approx(expected)
    first = evaluate(CLASSIFICATION, holdout, champion=None, challenger=challenger)
    assert first.challenger.metric == pytest.approx(found.challenger.metric)


def test_where_nothing_was_in_production_the_challenger_is_promoted() -> None:
    truth = kinds(0.3)
    found = evaluate(
        CLASSIFICATION,
        table(truth),
        champion=None,
        challenger=classifier("2", 3, 0.3),
        training=table(truth, 200, 900),
    )
    comparison = found.comparison
    assert comparison.decision == "promote"
    assert comparison.reason == "nothing was in production to compare with"
    assert (comparison.metric, comparison.rows) == ("f1", 300)
    for missing in ("metric_champion", "probability_better", "interval", "champion"):
        assert getattr(comparison, missing) is None
    assert comparison.metric_challenger == found.challenger.metric
    assert comparison.beside_challenger == found.challenger.beside != {}
    assert comparison.seen_by_challenger == 100
    assert found.champion is None
    assert found.improvements is None
    assert (found.segments, found.origins) == ((), ())
    assert found.definition is CLASSIFICATION
    assert found.holdout.num_rows == found.ground_truth.size == 300


def test_of_errors_the_smaller_one_is_better() -> None:
    bad, good = regressor("1", 1e6), regressor("2", 1.0)
    better = evaluate(REGRESSION, table(signal()), champion=bad, challenger=good, resamples=100)
    assert better.comparison.decision == "promote"
    assert better.champion is not None
    assert better.improvements is not None
    expected = gains_rmse(
        better.ground_truth, better.champion.outputs, better.challenger.outputs, resamples=100
    )
    assert better.improvements.tolist() == expected.tolist()
    worse = evaluate(REGRESSION, table(signal()), champion=good, challenger=bad, resamples=100)
    assert worse.comparison.decision == "reject"
    assert worse.comparison.probability_better == 0


def test_forecasts_are_resampled_in_blocks_and_judged_origin_by_origin() -> None:
    # The holdout is the third that the challenger was not trained on.
    training, holdout = table(signal(), 0, 200), table(signal(), 200, 300)
    bad, good = regressor("1", 1e6), regressor("2", 1.0)
    found = evaluate(
        TIME_SERIES,
        holdout,
        champion=bad,
        challenger=good,
        training=training,
        seed=3,
        resamples=50,
    )
    assert found.champion is not None
    assert found.improvements is not None
    expected = gains_rmse(
        found.ground_truth,
        found.champion.outputs,
        found.challenger.outputs,
        block=7,
        seed=3,
        resamples=50,
    )
    assert found.improvements.tolist() == expected.tolist()
    assert found.comparison.beside_champion["mase"] > found.comparison.beside_challenger["mase"]
    assert sum(window.rows for window in found.origins) == 100
    assert found.origins[0].first_origin == START + timedelta(days=200)
    for window in found.origins:
        assert window.champion is not None
        assert window.champion != window.challenger
    alone = evaluate(TIME_SERIES, holdout, champion=None, challenger=good, training=training)
    assert alone.comparison.beside_challenger == found.comparison.beside_challenger
    assert [window.champion for window in alone.origins] == [None] * len(found.origins)
    assert [window.challenger for window in alone.origins] == [
        window.challenger for window in found.origins
    ]


def test_the_number_of_resamples_is_a_thousand_unless_told() -> None:
    found = evaluate(
        REGRESSION,
        table(signal()),
        champion=regressor("1", 1e6),
        challenger=regressor("2", 1.0),
    )
    assert found.improvements is not None
    assert found.improvements.size == 1000


def test_compare_is_the_decision_of_evaluate() -> None:
    asked: dict[str, Any] = {
        "champion": regressor("1", 1e3),
        "challenger": regressor("2", 1.0),
        "training": table(signal(), 0, 200),
        "champion_training": table(signal(), 0, 100),
        "seed": 3,
        "resamples": 50,
    }
    for wanted, holdout in ((REGRESSION, table(signal())), (TIME_SERIES, table(signal(), 200))):
        assert compare(wanted, holdout, **asked) == evaluate(wanted, holdout, **asked).comparison
    for name in asked.keys() - {"champion", "challenger"}:
        fewer = {key: value for key, value in asked.items() if key != name}
        whole = compare(REGRESSION, table(signal()), **asked)
        assert compare(REGRESSION, table(signal()), **fewer) != whole, name


def test_scores_of_one_model_are_those_it_is_compared_by() -> None:
    training, holdout = table(signal(), 0, 200), table(signal(), 200, 300)
    model = regressor("2", 1.0)
    found = evaluate(TIME_SERIES, holdout, champion=None, challenger=model, training=training)
    scores = scores_of(TIME_SERIES, model, holdout, training=training)
    assert scores == {"rmse": found.challenger.metric, **found.challenger.beside}
    assert scores.keys() >= {"rmse", "mae", "mase"}
    kind = classifier("2", 3, 0.3, 1.9)
    truth = table(kinds(0.3))
    classified = evaluate(CLASSIFICATION, truth, champion=None, challenger=kind).challenger
    assert scores_of(CLASSIFICATION, kind, truth) == {"f1": classified.metric, **classified.beside}


def test_a_holdout_without_rows_is_an_error() -> None:
    with pytest.raises(NotEnoughDataError, match="holdout"):
        scores_of(REGRESSION, regressor("2", 1.0), table(signal(), 0, 0))


def test_an_area_of_the_probabilities_decides_in_the_segments_too() -> None:
    rule = Evaluation(metric="roc_auc", segments=("line",), min_segment_rows=20)
    wanted, truth = CLASSIFICATION.model_copy(update={"evaluation": rule}), kinds(0.3)
    champion, challenger = classifier("1", 1, 0.3), classifier("2", 5, 0.3)
    found = evaluate(wanted, table(truth), champion=champion, challenger=challenger, resamples=200)
    assert found.champion is not None
    lines = training_columns()["line"][:300]
    for side, metric, of_segment in (
        (found.champion, found.comparison.metric_champion, "champion"),
        (found.challenger, found.comparison.metric_challenger, "challenger"),
    ):
        assert side.probabilities is not None
        late, late_ones = side.probabilities[:, 1], truth[:300] == LATE
        assert metric == pytest.approx(metrics.roc_auc_score(late_ones, late))
        for segment in found.segments:
            mine = lines == ("" if segment.segment == "(missing)" else segment.segment)
            expected = metrics.roc_auc_score(late_ones[mine], late[mine])
            assert getattr(segment, of_segment) == pytest.approx(expected)
    assert found.segments
    assert (found.comparison.decision, found.comparison.metric) == ("promote", "roc_auc")
    assert scores_of(wanted, challenger, table(truth))["roc_auc"] == found.challenger.metric


def test_the_probabilities_of_three_classes_and_of_two_are_compared() -> None:
    wanted = CLASSIFICATION.model_copy(update={"evaluation": Evaluation(metric="brier")})
    two, three, truth = classifier("1", 3, 0.3), classifier("2", 3, 0.3, 1.9), kinds(0.3)
    alone = evaluate(wanted, table(truth), champion=None, challenger=three)
    found = alone.challenger
    assert found.probabilities is not None
    assert found.metric == pytest.approx(
        metrics.brier_score_loss(alone.ground_truth, found.probabilities, labels=found.classes)
    )
    both = evaluate(wanted, table(truth), champion=two, challenger=three)
    assert both.champion is not None
    assert both.champion.measured.shape == (alone.ground_truth.size, 3)
    assert both.comparison.metric_challenger == pytest.approx(found.metric)
    assert both.comparison.probability_better is not None


def test_a_champion_of_other_classes_is_not_compared() -> None:
    said = {"0 on time": "no", "1 late": "yes"}
    renamed = np.array([said[label] for label in kinds(0.3)], dtype=object)
    challenger = fitted(DecisionTreeClassifier(max_depth=3), renamed, CLASSIFICATION, "2")
    found = compare(
        CLASSIFICATION, table(renamed), champion=classifier("1", 3, 0.3), challenger=challenger
    )
    assert (found.decision, found.metric_champion) == ("reject", None)
    assert (
        "version 1 cannot be compared with on these rows: it answers 0 on time, 1 late, and the "
        "labels are no, yes. Callers must send or expect something else"
    ) in found.reason
    assert scores_of(CLASSIFICATION, challenger, table(renamed))["f1"] > 0.5
