"""A drift check on one screen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from cli.shared.drift_view import CheckView, bins_for
from evergreen.clock import from_text
from evergreen.drift.distributions import of_categories, of_numbers
from evergreen.drift.records import (
    CheckContext,
    DriftDecision,
    DriftRecord,
    FeatureImportance,
    MultivariateTest,
    PerformanceEstimate,
    PerformanceTest,
    SegmentFinding,
    UnivariateTest,
    to_record,
)
from evergreen.events import EpisodeStanding, Trigger

END = datetime(2026, 5, 4, 15, 0, tzinfo=UTC)
CONTEXT = CheckContext(
    timestamp=END,
    reference_dataset_id="ds-0123456789abcdef",
    subject_dataset_id="win-0123456789abcdef",
    check_id="20260504T150000000000Z-89abcdef",
    model="flight_delay",
    model_version="7",
    window_start=END - timedelta(days=1),
    window_end=END,
    rows=8371,
)
JOINT = MultivariateTest(
    drifted=True,
    model_accuracy=0.81,
    threshold=0.53,
    auc=0.9,
    p_value=0.001,
    top_features=(FeatureImportance(feature_name="temp", importance=0.61),),
)
EPISODES: dict[Trigger, EpisodeStanding] = {
    "data_drift": EpisodeStanding(
        state="ongoing",
        since=from_text("2026-05-03T11:00:00.000000Z"),
        severity="critical",
    )
}


def feature(
    name: str, effect: float | None, *, drifted: bool, reason: str | None = None
) -> UnivariateTest:
    p_value = None if effect is None else 1e-12 if drifted else 0.4
    return UnivariateTest(
        feature_name=name,
        method="ks",
        drifted=drifted,
        p_value=p_value,
        p_value_corrected=p_value,
        threshold=0.025,
        effect_size=effect,
        effect_threshold=0.03,
        reason=reason,
    )


def decided(verdict: str, *, starts: bool = False) -> DriftDecision:
    drift = verdict == "drift"
    reason = "2 of 4 features drifted (temp, dewp); retraining starts"
    if verdict == "insufficient_data":
        reason = "12 rows in the window, 30 needed"
    return DriftDecision.model_validate(
        {
            "verdict": verdict,
            "start_retraining": starts,
            "triggers": ("data_drift",) if drift else (),
            "drifted_features": ("temp", "dewp") if drift else (),
            "reason": reason,
        }
    )


def lines_of(
    *outcomes: UnivariateTest
    | MultivariateTest
    | PerformanceTest
    | PerformanceEstimate
    | SegmentFinding
    | DriftDecision,
) -> list[DriftRecord]:
    return [to_record(CONTEXT, outcome) for outcome in outcomes]


DRIFT = lines_of(
    feature("dewp", 0.2, drifted=True),
    feature("temp", 0.41, drifted=True),
    feature("distance", 0.01, drifted=False),
    feature("carrier", None, drifted=False, reason="left out of the request log"),
    JOINT,
    PerformanceTest(
        metric="f1",
        drifted=True,
        value=0.291,
        interval_low=0.3,
        interval_high=0.36,
        threshold=0.338,
        labelled_rows=8000,
    ),
    PerformanceEstimate(
        metric="f1", worse=True, value=0.281, interval_low=0.26, interval_high=0.3, rows=8371
    ),
    SegmentFinding(
        explains="performance",
        feature_name="carrier",
        segment="UA",
        share_reference=0.11,
        share_window=0.12,
        loss="error rate",
        loss_reference=0.21,
        loss_window=0.42,
        explained=0.61,
    ),
    decided("drift", starts=True),
)


def shown(view: CheckView, width: int) -> list[str]:
    console = Console(file=StringIO(), width=width, highlight=False)
    console.print(view.render(width))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 120])
def test_drift_is_one_screen_and_names_what_how_much_since_when_and_what_next(width: int) -> None:
    view = CheckView(DRIFT, EPISODES)
    lines = shown(view, width)
    text = "\n".join(lines)
    assert len(lines) <= 24
    assert max(map(len, lines)) <= width
    assert lines[0] == "flight_delay  DRIFT"
    assert "data drift since 2026-05-03 11:00 UTC (ongoing, critical)" in text
    moved = [line.split() for line in lines if "values (KS)" in line]
    assert moved == [
        ["temp", "values", "(KS)", "0.410", "0.030", "<", "1e-9"],
        ["dewp", "values", "(KS)", "0.200", "0.030", "<", "1e-9"],
    ]
    joined = " ".join(text.split())
    assert "accuracy 0.810, above the limit of 0.530 (p 0.001), by temp 61%" in joined
    assert "f1 0.291 on 8,000 labelled rows, 0.338 at promotion (0.300 to 0.360" in joined
    assert "would be chance): worse" in joined
    assert (
        "Estimated without ground truth: f1 0.281 (0.260 to 0.300) on 8,371 rows: worse" in joined
    )
    assert "Not tested: carrier: left out of the request log" in joined
    assert (
        "Where: carrier UA: 61% of the loss on 12% of rows (error rate 0.42, 0.21 before)" in joined
    )
    assert "A retraining has started. See how it ends: evergreen history flight_delay" in joined


def test_no_drift_shows_the_nearest_and_asks_for_nothing() -> None:
    records = lines_of(
        feature("distance", 0.01, drifted=False),
        feature("temp", 0.02, drifted=False),
        decided("no_drift"),
    )
    lines = shown(CheckView(records, {}), 80)
    assert lines[0] == "flight_delay  NO DRIFT"
    assert [line.split()[0] for line in lines if "values (KS)" in line] == ["temp"]
    assert lines[-1] == "Next    Nothing to do."


def test_too_little_data_says_how_much_is_needed() -> None:
    view = CheckView(lines_of(decided("insufficient_data")), {})
    lines = shown(view, 80)
    assert lines[0] == "flight_delay  TOO LITTLE DATA"
    assert "No feature could be tested." in lines
    told = "\n".join(lines[lines.index("No feature could be tested.") :])
    assert "Next    Look at a longer --window: 12 rows in the window, 30 needed." in told


def test_an_episode_that_has_cleared_is_told() -> None:
    cleared = EpisodeStanding(state="cleared")
    view = CheckView(lines_of(decided("no_drift")), {"performance": cleared})
    assert "performance has cleared" in shown(view, 80)


def test_more_features_than_fit_are_counted() -> None:
    many = [feature(f"f{number}", 0.1, drifted=True) for number in range(30)]
    lines = shown(CheckView(lines_of(*many, decided("drift")), {}), 80)
    assert "and 20 more" in lines
    assert len(lines) <= 24


@pytest.mark.parametrize("width", [80, 120])
def test_pictures_fit_the_terminal_and_show_the_shift(width: int) -> None:
    rng = np.random.default_rng(0)
    cold, warm = rng.normal(0, 1, 2000), rng.normal(3, 1, 2000)
    reference = np.array(["UA"] * 90 + ["a_very_long_category_name"] * 10, dtype=object)
    window = np.array(["UA"] * 10 + ["a_very_long_category_name"] * 90, dtype=object)
    view = CheckView(
        DRIFT,
        {},
        {
            "temp": of_numbers(cold, warm, bins_for(width)),
            "carrier": of_categories(reference, window, 6),
        },
    )
    lines = shown(view, width)
    assert max(map(len, lines)) <= width
    first, second = (next(line for line in lines if line.startswith(f"  {side}")) for side in SIDES)
    before, after = first.split("│")[1], second.split("│")[1]
    assert len(before) == len(after) == bins_for(width)
    assert before.index("█") < after.index("█")
    [united] = [line for line in lines if line.startswith("  UA")]
    assert united.split()[-1] == "10.0%"
    assert "90.0%" in united


SIDES = ("reference", "window")


def test_a_column_that_is_all_missing_is_drawn_without_a_median() -> None:
    picture = of_numbers(np.arange(5.0), np.full(5, np.nan), 30)
    lines = shown(CheckView(DRIFT, {}, {"temp": picture}), 80)
    assert any(line.startswith("  window") and "all missing" in line for line in lines)
