"""A whole check, from records in the request log to the drift log, on a folder for a bucket."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from evergreen.bundle.predictor import Predictions
from evergreen.datasets.holdout_predictions import holdout_key
from evergreen.drift import inputs
from evergreen.errors import EvergreenError
from evergreen.lake.reader import Lake
from evergreen.model_definition import Evaluation, GroundTruth, Retraining
from tests.support.lake_tables import catalog_in
from tests.support.watched_model import DAY, END, WatchedModel

if TYPE_CHECKING:
    from pathlib import Path

    from evergreen.drift.check import CheckResult
    from evergreen.drift.records import UnivariateTest


def test_quiet_traffic(tmp_path: Path) -> None:
    model = WatchedModel(tmp_path)
    model.serve(400)
    result = model.check()
    assert result.context.rows == 400
    assert result.decision.verdict == "no_drift"
    assert result.report_key is None
    assert result.features_tested == 4
    lines = model.logged()
    assert [line.kind for line in lines] == [
        *["univariate"] * 5,
        "multivariate",
        "performance",  # retraining starts on it by default, so each check says what it found
        "performance_estimate",
        "decision",
    ]
    assert len({line.check_id for line in lines}) == 1
    assert {line.reference_dataset_id for line in lines} == {model.dataset.dataset_id}


def test_drifted_traffic_is_named_reported_and_starts_a_retraining(tmp_path: Path) -> None:
    model = WatchedModel(tmp_path)
    model.serve(400, shift=1.0, labelled=20)
    result = model.check()
    assert result.decision.verdict == "drift"
    assert result.decision.start_retraining
    assert result.decision.drifted_features == ("size",)
    assert result.multivariate.drifted
    assert result.report_key is not None
    page = (model.storage.get(result.report_key) or b"").decode()
    assert '<h1>toy: drift check</h1><span class="badge bad">Drift</span>' in page
    assert result.decision.reason[1:] in page  # as a sentence
    assert page.index("<strong>size</strong>") < page.index("<strong>city</strong>")
    assert len(page) < 50_000
    [grown] = result.segments
    assert (grown.explains, grown.feature_name) == ("data_drift", "size")
    assert grown.share_window > grown.share_reference
    assert grown.words in page


def test_the_next_check_knows_the_last_one(tmp_path: Path) -> None:
    model = WatchedModel(tmp_path)
    model.serve(400, shift=1.0, labelled=20)
    assert model.check().decision.start_retraining
    again = model.check(end=END + timedelta(hours=1))
    assert again.decision.verdict == "drift"
    assert not again.decision.start_retraining
    assert "cooldown" in again.decision.reason


def test_only_the_champion_in_production_within_the_window_is_looked_at(tmp_path: Path) -> None:
    model = WatchedModel(tmp_path)
    model.serve(300)
    model.serve(300, version="1", shift=5)
    model.serve(300, role="shadow", shift=5)
    model.serve(300, at=END - 2 * DAY, shift=5)
    model.serve(300, at=END, shift=5)
    result = model.check()
    assert result.context.rows == 300
    assert result.decision.verdict == "no_drift"


@pytest.mark.parametrize("rows", [0, 1, 30])
def test_a_small_window_is_logged_and_has_no_verdict(tmp_path: Path, rows: int) -> None:
    model = WatchedModel(tmp_path)
    if rows:
        model.serve(rows, shift=3.0)
    result = model.check(report=True)
    assert result.decision.verdict == "insufficient_data"
    assert not result.decision.start_retraining
    kinds = {"univariate", "multivariate", "performance", "performance_estimate", "decision"}
    assert {line.kind for line in model.logged()} == kinds
    assert result.report_key is not None
    assert b"Too little data" in (model.storage.get(result.report_key) or b"")


def test_a_loss_is_found_where_it_is(tmp_path: Path) -> None:
    model = WatchedModel(tmp_path)
    model.hold_out(model.dataset.holdout_rows)
    name, outputs = model.serve(400)
    model.label(name, ["Ham"] * 400)
    result = model.check()
    assert result.performance is not None
    assert result.performance.drifted
    [lost] = result.segments
    assert (lost.explains, lost.feature_name, lost.segment) == ("performance", "city", "Ulm")
    assert (lost.loss_reference, lost.loss_window) == (0, 1)
    assert lost.share_window == outputs.count("Ulm") / 400
    assert lost.explained == pytest.approx(1)


def test_a_holdout_of_other_rows_tells_no_place(tmp_path: Path) -> None:
    model = WatchedModel(tmp_path)
    model.hold_out(model.dataset.holdout_rows + 1)
    name, _ = model.serve(400)
    model.label(name, ["Ham"] * 400)
    result = model.check()
    assert result.performance is not None
    assert result.performance.drifted
    assert result.segments == ()


@pytest.mark.parametrize("wrong", [False, True])
def test_performance_is_judged_where_the_policy_asks_for_it(tmp_path: Path, wrong: Any) -> None:
    model = WatchedModel(tmp_path, retraining=Retraining(on=("performance",)))
    name, outputs = model.serve(400)
    other = {"Ham": "Ulm", "Ulm": "Ham"}
    model.label(name, [other[city] if wrong else city for city in outputs])
    result = model.check()
    assert result.performance is not None
    assert result.performance.labelled_rows == 400
    assert result.decision.start_retraining is wrong
    assert "performance" in {line.kind for line in model.logged()}
    assert result.estimate.value is not None
    assert result.estimate.rows == 400


def test_a_label_that_is_no_class_moves_no_metric(tmp_path: Path) -> None:
    model = WatchedModel(tmp_path, ground_truth=GroundTruth(classes=("Ham", "Ulm")))
    name, outputs = model.serve(400)
    odd = {3: "banana", 5: "HAM", 8: "1", 13: "True"}
    model.label(name, [odd.get(row, city) for row, city in enumerate(outputs)])
    result = model.check()
    assert result.performance is not None
    assert (result.performance.value, result.performance.labelled_rows) == (1.0, 396)
    assert not result.performance.drifted


def test_performance_is_measured_where_labels_are_and_starts_nothing_unasked(
    tmp_path: Path,
) -> None:
    model = WatchedModel(tmp_path, retraining=Retraining(on=("data_drift",)))
    name, outputs = model.serve(400)
    model.label(name, [{"Ham": "Ulm", "Ulm": "Ham"}[city] for city in outputs])
    result = model.check()
    assert result.performance is not None
    assert result.performance.drifted
    assert not result.decision.start_retraining


def test_a_lost_reference_is_an_error(tmp_path: Path) -> None:
    model = WatchedModel(tmp_path)
    model.pointer = model.pointer.model_copy(update={"reference_dataset_id": "ds-lost"})
    with pytest.raises(EvergreenError, match="not found"):
        model.check()


def of_feature(result: CheckResult, name: str) -> list[UnivariateTest]:
    return [test for test in result.univariate.tests if test.feature_name == name]


def test_outputs_and_confidence_are_tested_as_features(tmp_path: Path) -> None:
    model = WatchedModel(tmp_path)
    model.serve(400, fall=0.2)
    result = model.check()
    (output,) = of_feature(result, "model_output")
    (confidence,) = of_feature(result, "confidence")
    assert (output.method, output.drifted) == ("chi_square_two_sample", False)
    assert (confidence.method, confidence.drifted) == ("ks", True)
    assert result.decision.drifted_features == ("confidence",)
    assert result.decision.verdict == "drift"
    assert not result.multivariate.drifted
    raw = [test.p_value for test in result.univariate.tests if test.p_value is not None]
    assert confidence.p_value_corrected == pytest.approx(min(raw) * len(raw))


def test_the_answers_of_a_version_that_kept_none_are_not_tested_and_say_why(
    tmp_path: Path,
) -> None:
    model = WatchedModel(tmp_path)
    (tmp_path / holdout_key("toy", "2")).unlink()
    name, outputs = model.serve(400, fall=0.2)
    model.label(name, outputs)
    result = model.check()
    reason = "what this version answers on its holdout was not kept when it was trained"
    tests = [*of_feature(result, "model_output"), *of_feature(result, "confidence")]
    assert [(test.drifted, test.p_value, test.reason) for test in tests] == [
        (False, None, reason)
    ] * 2
    assert result.performance is not None
    assert (result.performance.drifted, result.performance.reason) == (False, reason)
    assert result.decision.verdict == "no_drift"


def test_after_a_refit_confidence_is_not_tested_because_it_has_no_reference(tmp_path: Path) -> None:
    model = WatchedModel(tmp_path)
    model.hold_out(500, refit=True)
    model.serve(400, fall=0.2)
    result = model.check()
    (output,) = of_feature(result, "model_output")
    (confidence,) = of_feature(result, "confidence")
    assert output.p_value is not None
    assert (confidence.p_value, confidence.drifted) == (None, False)
    assert confidence.reason is not None
    assert "has learnt from its holdout" in confidence.reason
    assert result.decision.verdict == "no_drift"


def test_a_version_of_which_nothing_was_held_out_says_so(tmp_path: Path) -> None:
    model = WatchedModel(tmp_path)
    model.hold_out(0)
    name, outputs = model.serve(400)
    model.label(name, outputs)
    result = model.check()
    tests = [*of_feature(result, "model_output"), *of_feature(result, "confidence")]
    assert {test.reason for test in tests} == {
        "no rows were held out when this version was trained"
    }
    assert result.performance is not None
    assert result.performance.reason == "no rows were held out when this version was trained"


@pytest.mark.parametrize(("labelled", "shares"), [(False, 2), (True, 3)])
def test_alpha_is_shared_among_the_questions_that_are_asked(
    tmp_path: Path, labelled: bool, shares: int
) -> None:
    model = WatchedModel(tmp_path)
    name, outputs = model.serve(400)
    if labelled:
        model.label(name, outputs)
    result = model.check()
    share = model.definition.drift.alpha / shares
    assert {test.threshold for test in result.univariate.tests} == {share}
    if labelled:
        assert result.performance is not None
        assert result.performance.alpha == share


class DoubtfulModel(WatchedModel):
    """A model that is right as often as it is confident."""

    def said(self, outputs: list[Any], confidences: list[float]) -> Predictions:
        other = {"Ham": "Ulm", "Ulm": "Ham"}
        right = self.rng.random(len(outputs)) < np.array(confidences)
        answered = [
            city if is_right else other[city] for city, is_right in zip(outputs, right, strict=True)
        ]
        return Predictions(answered, confidences)


@pytest.mark.parametrize(
    ("fall", "labelled", "triggers", "outcome"),
    [
        (0.0, 20, set(), "nothing_moved"),
        (0.2, 0, {"estimated_performance"}, "too_few_labels"),
        (0.2, 20, {"estimated_performance"}, "retraining_starts"),
        (0.2, 400, set(), "trigger_not_enabled"),
    ],
    ids=["quiet", "no labels", "few labels", "all labels"],
)
def test_an_estimate_starts_a_retraining_only_while_labels_are_few(
    tmp_path: Path, fall: float, labelled: int, triggers: set[str], outcome: str
) -> None:
    model = DoubtfulModel(tmp_path, retraining=Retraining(on=("estimated_performance",)))
    model.serve(400, fall=fall, labelled=labelled)
    result = model.check()
    decision, share = result.decision, model.definition.drift.alpha / 3
    assert set(decision.triggers) - {"data_drift"} == triggers
    assert decision.outcome == outcome
    assert {test.threshold for test in result.univariate.tests} == {share}
    assert result.estimate.alpha == share
    assert result.estimate.worse is (fall > 0)


COMMON = {
    *("kind", "timestamp", "reference_dataset_id", "subject_dataset_id", "check_id"),
    *("model", "model_version", "window_start", "window_end", "rows"),
    "asked_start",
}
CONTRACT = {
    "univariate": {
        *("feature_name", "drifted", "p_value", "threshold", "method", "effect_size"),
        *("effect_threshold", "p_value_corrected", "reason"),
    },
    "multivariate": {
        *("drifted", "model_accuracy", "threshold", "auc", "p_value", "top_features"),
        *("method", "rows_per_side", "reason"),
    },
    "performance": {
        *("metric", "drifted", "value", "interval_low", "interval_high", "threshold"),
        *("labelled_rows", "unscored_rows", "holdout_rows", "p_value", "alpha", "reason"),
    },
    "performance_estimate": {
        *("metric", "worse", "value", "interval_low", "interval_high", "threshold"),
        *("rows", "holdout_rows", "reason", "enabled", "alpha"),
    },
    "segment": {
        *("explains", "feature_name", "segment", "share_reference", "share_window"),
        *("loss", "loss_reference", "loss_window", "explained"),
    },
    "decision": {
        *("verdict", "outcome", "start_retraining", "triggers", "drifted_features", "budget_left"),
        *("goal", "goal_version", "goal_since", "goal_tried", "goal_against", "reason"),
        *("because", "lost", "lost_at", "lost_features"),
    },
}


def test_the_written_drift_log_has_exactly_the_fields_promised(tmp_path: Path) -> None:
    model = WatchedModel(tmp_path)
    name, outputs = model.serve(400, shift=1.0)
    model.label(name, outputs)
    result = model.check()
    assert result.log_key == f"drift/log/model=toy/dt=2026-03-02/{result.context.check_id}.jsonl"
    lines = [json.loads(line) for line in (tmp_path / result.log_key).read_text().splitlines()]
    assert {line["kind"] for line in lines} == set(CONTRACT)
    for line in lines:
        assert set(line) == COMMON | CONTRACT[line["kind"]]
        assert line["timestamp"] == "2026-03-02T12:00:00.000000Z"
        assert line["window_start"] == "2026-03-01T12:00:00.000000Z"
        assert line["rows"] == 400
    assert [line["kind"] for line in lines][-1] == "decision"
    assert [line["feature_name"] for line in lines if line["kind"] == "univariate"] == [
        *("size", "city", "secret", "model_output", "confidence")
    ]


@pytest.mark.parametrize(
    ("every", "window", "until", "starts"),
    [(6, 6, 12, [6]), (1, 6, 7, [6]), (24, 24, 24, [24])],
    ids=["six-hourly", "sliding", "daily"],
)
def test_each_kind_of_schedule_starts_a_retraining_at_the_second_window_in_a_row(
    tmp_path: Path, every: int, window: int, until: int, starts: list[int]
) -> None:
    """All traffic has drifted. The second window that shares no rows with the first counts."""
    policy = Retraining(on=("data_drift",), consecutive=2, cooldown=timedelta(hours=5))
    model = WatchedModel(tmp_path, retraining=policy)
    for hour in range(-window, until):
        model.serve(250, at=END + timedelta(hours=hour, minutes=30), shift=1.0, labelled=20)
    decisions = {
        hour: model.check(END + timedelta(hours=hour), timedelta(hours=window)).decision
        for hour in range(0, until + 1, every)
    }
    assert {decision.verdict for decision in decisions.values()} == {"drift"}
    started = [hour for hour, decision in decisions.items() if decision.start_retraining]
    assert started == starts


def test_beyond_the_cap_a_sample_is_tested_and_every_row_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "DRIFT_ROW_CAP", 300)
    model = WatchedModel(tmp_path)
    model.serve(400)
    found = inputs.read_drift_inputs(
        model.definition,
        model.pointer,
        Lake(model.storage, catalog_in(model.storage), clock=lambda: END),
        model.storage,
        start=END - DAY,
        end=END,
    )
    assert found.rows == 400
    sides = (found.reference, found.window, found.outputs.reference, found.outputs.window)
    assert {values.size for side in sides for values in side.values()} == {300}


def test_a_retraining_that_was_skipped_for_want_of_labels_costs_nothing_of_the_budget(
    tmp_path: Path,
) -> None:
    model = WatchedModel(
        tmp_path,
        retraining=Retraining(refill=10 * DAY, burst=2, cooldown=timedelta(hours=12)),
    )
    model.serve(600, shift=1.0, labelled=20)
    first = model.check()
    assert first.decision.start_retraining
    assert first.decision.budget_left == 1
    # Until the data set was built, more labels were asked for: the retraining was skipped.
    asked = model.definition.model_copy(update={"evaluation": Evaluation(min_labelled_rows=400)})
    model.definition = asked
    again = model.check(end=END + timedelta(hours=1))
    assert again.decision.budget_left == 2
    assert "the cooldown is 12:00:00" in again.decision.reason
    # Had there been labels, it would have been spent.
    other = WatchedModel(
        tmp_path / "other", retraining=asked.retraining, evaluation=asked.evaluation
    )
    name, outputs = other.serve(600, shift=1.0)
    other.label(name, outputs)
    assert other.check().decision.budget_left == 1
    spent = other.check(end=END + timedelta(hours=1)).decision.budget_left
    assert spent == pytest.approx(1 + 1 / 240)


def test_a_setting_says_how_many_labels_a_check_waits_for(tmp_path: Path) -> None:
    """Without them the state machine would only say that it skips the retraining."""
    model = WatchedModel(tmp_path, evaluation=Evaluation(min_labelled_rows=400))
    name, outputs = model.serve(600, shift=1.0, labelled=399)
    few = model.check().decision
    assert (few.verdict, few.outcome, few.start_retraining) == ("drift", "too_few_labels", False)
    assert "no retraining: 399 of 400 new labelled rows (as min_labelled_rows" in few.reason
    # A label that comes in at the very moment of the check counts: a data set would have it.
    model.label(name, outputs[:400], at=END)
    assert model.check(end=END).decision.start_retraining


def test_without_enough_labels_no_retraining_starts_and_none_is_paid_for(tmp_path: Path) -> None:
    """1,500 rows were learnt from, so 150 are needed."""
    budget = Retraining(refill=10 * DAY, burst=2, cooldown=timedelta(hours=12))
    model = WatchedModel(tmp_path, retraining=budget, evaluation=Evaluation())
    name, outputs = model.serve(600, shift=1.0)
    model.label(name, outputs[:149])
    model.label(name, outputs[:149], at=END - timedelta(minutes=90))  # sent again
    few = model.check().decision
    assert (few.outcome, few.budget_left) == ("too_few_labels", 2)
    assert "no retraining: 149 of 150 new labelled rows (a tenth of the champion's" in few.reason
    model.label(name, outputs, at=END - timedelta(minutes=10))
    enough = model.check(end=END + timedelta(hours=1)).decision
    assert (enough.start_retraining, enough.budget_left) == (True, 1)
    assert enough.because == ("data_drift",)


def test_new_rows_are_waited_for_anew_when_a_challenger_has_lost(tmp_path: Path) -> None:
    """Nothing drifts. Half of 1,500 rows start a retraining; the version goes on serving."""
    model = WatchedModel(tmp_path)
    name, outputs = model.serve(1500)
    model.label(name, outputs[:749])
    few = model.check().decision
    assert few.reason.endswith(
        "; no retraining: nothing moved, and 749 of 750 new labelled rows (half of the champion's "
        "1500)"
    )
    model.label(name, outputs[:750], at=END - timedelta(minutes=10))
    first = model.check(end=END + timedelta(minutes=1)).decision
    assert (first.outcome, first.because) == ("retraining_starts", ("new_rows",))
    name, outputs = model.serve(1500, at=END + timedelta(hours=1))
    model.label(name, outputs[:749], at=END + timedelta(hours=2))
    second = model.check(end=END + timedelta(hours=3)).decision
    assert (second.outcome, second.lost) == ("nothing_moved", {"new_rows": 1})
    assert "749 of 750 new labelled rows since the last challenger lost" in second.reason
    assert "and 1 challenger has lost" in second.reason


def test_a_window_with_too_few_rows_grows_back_to_the_promotion(tmp_path: Path) -> None:
    """1,500 rows were learnt from, so 75 are needed; a day has 20."""
    model = WatchedModel(tmp_path)
    for day in range(10):
        model.serve(20, at=END - day * DAY - timedelta(hours=1))
    result = model.check()
    assert result.context.rows == 80
    assert result.context.window_start == END - 4 * DAY
    assert (result.context.asked_start, result.context.asked_length) == (END - DAY, DAY)
    assert result.decision.verdict == "no_drift"


def test_a_window_grows_no_further_than_the_promotion(tmp_path: Path) -> None:
    model = WatchedModel(tmp_path)
    model.pointer = model.pointer.model_copy(update={"promoted_at": END - 3 * DAY})
    for day in range(10):
        model.serve(20, at=END - day * DAY - timedelta(hours=1))
    result = model.check()
    assert (result.context.rows, result.context.window_start) == (60, END - 3 * DAY)
    assert result.decision.reason == "60 rows in the window, 75 needed"
