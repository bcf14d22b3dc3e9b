"""A tiny series under every policy, with the library's own check, data set and comparison."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from evergreen.datasets.store import load_dataset
from evergreen.model_definition import ModelDefinition
from tests.benchmarks.loop.deployment import Deployment
from tests.benchmarks.loop.own import CHOSEN, promises_of_own
from tests.benchmarks.loop.plot import to_overview, to_svg
from tests.benchmarks.loop.policies import REPLAYED, Step, better, calendar, naive, policies_of
from tests.benchmarks.loop.records import to_json
from tests.benchmarks.loop.replay import replay
from tests.benchmarks.loop.replayed import Replayed
from tests.benchmarks.loop.report import to_page
from tests.benchmarks.loop.rivals import evidently_share
from tests.benchmarks.loop.series import Series, month_starts
from tests.benchmarks.loop.workshop import Workshop
from tests.support.folder_bucket import Folder

if TYPE_CHECKING:
    from pathlib import Path

    from evergreen.datasets.manifest import DatasetManifest

NAMES = ["first", "second"]
DEFINITION = ModelDefinition.model_validate(
    {
        "name": "tiny",
        "task": "classification",
        "target": "above",
        "features": {name: {"type": "float"} for name in NAMES},
        "drift": {"min_rows": 100},
        "evaluation": {"min_labelled_rows": 100, "max_holdout_rows": 100},
        "retraining": {
            "on": ["data_drift", "performance"],
            "training_window_rows": 700,
            "min_training_rows": 100,
        },
    }
)


def train(features: pd.DataFrame, target: pd.Series) -> Pipeline:
    columns = ColumnTransformer([("numbers", "passthrough", NAMES)])
    return Pipeline([("columns", columns), ("model", LogisticRegression())]).fit(features, target)


def tiny_series() -> Series:
    """Five months, 12 rows a day; from the second that is served everything means the opposite."""
    bounds = month_starts((2020, 2), (2020, 6))
    times = pd.date_range(datetime(2020, 1, 1, tzinfo=UTC), bounds[-1], freq="2h", inclusive="left")
    random = np.random.default_rng(3)
    inputs = random.normal(size=(2, times.size)).astype(np.float32)
    turned = times >= pd.Timestamp(bounds[1])
    above = (inputs.sum(axis=0) + random.normal(size=times.size) * 0.3 > 0) ^ turned
    rows = pd.DataFrame(dict(zip(NAMES, inputs, strict=True)))
    return Series(
        name="tiny",
        about="Two inputs, one turn.",
        definition=DEFINITION,
        trainer=train,
        rows=rows.assign(above=above.astype(np.int64), timestamp=times.as_unit("us")),
        bounds=bounds,
        label_delay=timedelta(days=2),
        window=timedelta(0),
        block=timedelta(days=1),
    )


def built(deployment: Deployment) -> DatasetManifest:
    manifest = deployment.build()
    assert manifest is not None
    return manifest


@pytest.fixture(scope="module")
def replayed() -> Replayed:
    workshop = Workshop(tiny_series())
    outcomes = {policy: replay(workshop, policy, lambda: None) for policy in REPLAYED}
    return Replayed(workshop.series, outcomes)


def test_every_policy_serves_every_row_once(replayed: Replayed) -> None:
    series = replayed.series
    for outcome in replayed.outcomes.values():
        assert sum(period.rows for period in outcome.periods) == len(outcome.sums)
        assert len(outcome.sums) == len(series.between(series.bounds[0], series.bounds[-1]))


def test_what_never_retrains_never_changes_and_what_always_does_changes_each_time(
    replayed: Replayed,
) -> None:
    never, always = replayed.outcomes["never"], replayed.outcomes["always"]
    assert (never.retrainings, never.promotions, never.lambda_seconds) == (0, 0, 0)
    # Nothing can be gained from a model that will not serve: none is trained after the last period.
    assert always.retrainings == always.promotions == len(always.periods) - 1


def test_ours_finds_the_turn_and_ends_above_what_never_retrained(replayed: Replayed) -> None:
    ours, never = replayed.outcomes["ours"], replayed.outcomes["never"]
    assert "against" in ours.periods[1].reason
    promoted = [period for period in ours.periods if period.promoted]
    assert promoted[0] is ours.periods[1]
    assert not any(period.wrong for period in promoted)
    assert ours.periods[-1].value > 0.8 > never.periods[-1].value
    assert promises_of_own(replayed)["not worse than never"]


def test_who_looks_back_as_far_as_it_helps_learns_faster_and_what_it_costs_is_counted(
    replayed: Replayed,
) -> None:
    chosen, always = replayed.outcomes[CHOSEN], replayed.outcomes["always"]
    assert chosen.retrainings == always.retrainings
    assert chosen.periods[2].value > always.periods[2].value + 0.3
    assert chosen.seconds["dataset"] > always.seconds["dataset"]


def test_evidentlys_flag_does_not_see_what_only_changes_meaning(replayed: Replayed) -> None:
    assert replayed.outcomes["naive"].retrainings == 0


def test_the_oracle_promotes_nothing_that_does_worse(replayed: Replayed) -> None:
    assert replayed.outcomes["oracle"].wrong_promotions == 0


def test_the_oracle_knows_the_better_of_two(tmp_path: Path) -> None:
    workshop = Workshop(tiny_series())
    deployment = Deployment(workshop, Folder(tmp_path))
    old = deployment.champion
    for period in range(3):
        deployment.serve(period)
        new = deployment.train(built(deployment))
        deployment.promote(new)
    assert better(workshop, new, old, 3)
    assert not better(workshop, old, new, 3)


def test_a_promotion_that_does_worse_next_month_is_counted_as_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promote the first champion again at the end, when everything means the opposite."""
    workshop = Workshop(tiny_series())
    first = Deployment(workshop, Folder(tmp_path)).champion

    def foolish(deployment: Deployment, period: int) -> Step:
        again = period == 2
        return Step(trained=True, promoted=first if again else deployment.train(built(deployment)))

    monkeypatch.setitem(REPLAYED, "foolish", foolish)
    outcome = replay(workshop, "foolish", lambda: None)
    assert outcome.periods[2].wrong
    assert outcome.periods[3].value < 0.2


def test_nobody_is_trained_on_an_outcome_that_was_not_known_yet(tmp_path: Path) -> None:
    deployment = Deployment(Workshop(tiny_series()), Folder(tmp_path))
    delay = deployment.series.label_delay
    for period in range(3):
        deployment.serve(period)
        manifest = built(deployment)
        rows = load_dataset(deployment.storage, "tiny", manifest.dataset_id)
        newest = pc.max(rows["timestamp"]).as_py()
        assert newest <= deployment.now - delay
        assert newest > deployment.now - delay - timedelta(days=1)
        deployment.promote(deployment.train(manifest))


def test_the_calendar_learns_from_every_row_whose_outcome_is_known_and_holds_nothing_out(
    tmp_path: Path,
) -> None:
    deployment = Deployment(Workshop(tiny_series()), Folder(tmp_path))
    series = deployment.series
    deployment.serve(0)
    step = calendar(deployment, 0)
    assert step.promoted is not None
    deployment.promote(step.promoted)
    rows = deployment.training_rows()
    assert rows.num_rows == len(series.between(None, deployment.now - series.label_delay))
    answers = deployment.serve(1)
    assert set(answers) <= {"0", "1"}


def test_two_calendars_share_the_periods(replayed: Replayed) -> None:
    whole, even, odd = (
        [period.trained for period in replayed.outcomes[name].periods]
        for name in ("calendar", "calendar, every second", "calendar, odd periods")
    )
    assert odd[:4] == [True, False, True, False]
    assert [one != other for one, other in zip(even, odd, strict=True)] == whole


def test_where_no_outcome_came_in_the_calendar_trains_nothing(tmp_path: Path) -> None:
    deployment = Deployment(Workshop(with_a_gap()), Folder(tmp_path))
    deployment.serve(0)
    assert calendar(deployment, 0).trained
    deployment.serve(1)
    assert not calendar(deployment, 1).trained


def test_nobody_fails_on_a_month_without_rows(tmp_path: Path) -> None:
    deployment = Deployment(Workshop(with_a_gap()), Folder(tmp_path))
    for period in range(2):
        deployment.serve(period)
    assert naive(deployment, 1) == Step(reason="0 rows")
    outcome = replay(Workshop(with_a_gap()), "ours", lambda: None)
    assert [period.rows > 0 for period in outcome.periods] == [True, False, True, True]


def test_evidentlys_flag_leaves_out_a_column_without_a_value(tmp_path: Path) -> None:
    deployment = Deployment(Workshop(tiny_series()), Folder(tmp_path))
    rows, definition = deployment.training_rows(), deployment.series.definition
    first = next(iter(definition.features))
    kind = rows.schema.field(first).type
    emptied = rows.set_column(rows.column_names.index(first), first, pa.nulls(rows.num_rows, kind))
    for sides in ((emptied, rows), (rows, emptied)):
        share, limit = evidently_share(definition, *sides)
        assert share == 0 < limit


def with_a_gap() -> Series:
    """The tiny series without the rows of March, of which two days' outcomes would be known."""
    series = tiny_series()
    (start, end), times = series.periods[1], series.rows["timestamp"]
    kept = (times < start - series.label_delay) | (times >= end)
    return replace(series, rows=series.rows[kept].reset_index(drop=True))


def test_adwin_notices_the_turn_once_its_outcomes_are_known(replayed: Replayed) -> None:
    trained = [period.trained for period in replayed.outcomes["adwin"].periods]
    assert trained[:2] == [False, True]


def test_a_quick_run_leaves_out_what_no_promise_is_about() -> None:
    assert policies_of("own", quick=True) == policies_of("default", quick=False) == tuple(REPLAYED)
    left_out = set(REPLAYED) - set(policies_of("default", quick=True))
    assert left_out == {"always", "always, our window", "oracle"}


def test_the_record_has_one_line_for_each_series_and_policy(replayed: Replayed) -> None:
    lines = json.loads(to_json([replayed]))
    assert [line["policy"] for line in lines] == list(REPLAYED)
    wanted = "series policy metric value retrainings promotions wrong_promotions seconds"
    for line in lines:
        assert list(line)[:8] == wanted.split()
        assert line["lambda_seconds"] <= line["seconds"]
        assert line["refusals"] == line["retrainings"] - line["promotions"]
        assert (line["split"], line["settings"]) == ("seen", "own")
        assert len(line["periods"]) == 4


def test_a_month_without_rows_has_no_value_in_the_record(replayed: Replayed) -> None:
    outcome = replay(Workshop(with_a_gap()), "never", lambda: None)
    found = json.loads(to_json([replace(replayed, outcomes={"never": outcome})]))
    assert [period["value"] is None for period in found[0]["periods"]] == [
        False,
        True,
        False,
        False,
    ]


@pytest.fixture(scope="module")
def public(replayed: Replayed) -> Replayed:
    return replace(replayed, series=replace(replayed.series, name="theirs", settings="default"))


def test_the_page_says_how_it_came_about_and_names_every_policy(
    replayed: Replayed, public: Replayed
) -> None:
    page = to_page([replayed, public], "", "quick")
    assert "`python -m tests.benchmarks.loop --part own --quick`" in page
    for policy, outcome in replayed.outcomes.items():
        assert f"| {policy} | {outcome.value:.4f} | {outcome.retrainings} |" in page
    promises, rest = page.split("## How it was measured")
    assert promises.count("| yes |") + promises.count("| **no** |") == 4
    assert "once has **not been run yet**" in promises
    assert "| theirs, f1 |" in rest
    assert "**Not replayed yet**: `pedestrians_auckland`" in promises


def test_what_was_not_run_this_time_stays_on_the_page(replayed: Replayed, public: Replayed) -> None:
    first = to_page([replayed, public], "", "quick")
    unseen = replace(public, series=replace(public.series, name="unseen", split="once"))
    second = to_page([unseen], first, "full")
    assert "not been run yet" not in second
    for part in ("--part seen --quick", "--part own --quick", "--part once"):
        assert f"`python -m tests.benchmarks.loop {part}`" in second
    assert to_page([replayed, public], second, "quick") == second
    summary = second.split("## The promises")[0]
    assert [line.split(" | ")[0] for line in summary.splitlines() if line[2:3].isdigit()] == [
        f"| {number}" for number in range(1, 7)
    ]
    assert "not run yet" in first.split("## The promises")[0]
    assert "not run yet" not in summary
    assert "closed-loop-promises.svg" in summary
    assert "of 6 promises hold today" in summary


def test_the_pictures_are_the_same_for_the_same_numbers(replayed: Replayed) -> None:
    for draw in (to_svg, to_overview):
        picture = draw([replayed])
        assert ET.fromstring(picture).tag.endswith("svg")
        assert picture == draw([replayed])
