"""What the shadow stage makes of a log: real records of two real models, and made-up labels."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import batched
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evergreen.lake.reader import Lake
from evergreen.model_definition import Evaluation, ModelDefinition, Shadow
from evergreen.production import ProductionPointer, ShadowSlot
from evergreen.shadow.comparison import ShadowComparison, compare_shadow
from evergreen.shadow.distances import concordance
from evergreen.shadow.slot import start_shadow
from tests.support.fixed_clock import NOW
from tests.support.lake_tables import catalog_in
from tests.support.served_model import World
from tests.support.trained_models import DEFINITION, promote, training_columns

if TYPE_CHECKING:
    from tests.support.aws_in_process import Account

MODEL = DEFINITION.name
SHADOW = Shadow(min_predictions=60, max_wait=timedelta(hours=6), budget_ms=1000)
NOTICED = DEFINITION.model_copy(update={"shadow": SHADOW})
STARTED = NOW - timedelta(hours=1)
LATER = NOW + timedelta(hours=5)


def slot_of(other: ProductionPointer, **changes: Any) -> ShadowSlot:
    return ShadowSlot(
        version=other.version,
        bundle_uri=other.bundle_uri,
        sha256=other.sha256,
        started_at=STARTED,
    ).model_copy(update=changes)


def training_row(number: int) -> dict[str, Any]:
    one = {name: values[number] for name, values in training_columns().items()}
    return {
        "wind": None if np.isnan(one["wind"]) else float(one["wind"]),
        "stops": int(one["stops"]),
        "line": one["line"] or None,
        "express": bool(one["express"]),
    }


def key(record: dict[str, Any]) -> tuple[str, int]:
    return record["request_id"], record["row"]


@dataclass
class Trial:
    """Version 1 serves, version 2 is in its shadow, and the log is what both really answered."""

    aws: Account
    definition: ModelDefinition = NOTICED
    world: World = field(init=False)
    log: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world = World(self.aws, definition=self.definition)
        champion = promote(self.world.storage, self.world.production, "1")
        self.slot = slot_of(promote(self.world.storage, self.world.production, "2"))
        self.world.production.write(MODEL, champion)
        start_shadow(self.world.storage, self.world.production, MODEL, self.slot)

    def serve(self, rows: int) -> None:
        for _ in range(20):
            self.world.predict()
            if self.world.log[-1]["metadata"]["role"] == "shadow":
                break
        self.world.forget_log()
        for numbers in batched(range(rows), 10, strict=False):
            self.world.predict(*map(training_row, numbers))
        self.log = self.world.log

    def label(self, role: str, rows: int | None = None) -> None:
        """Bring in ground truth: the model of that role was right every time."""
        right = [record for record in self.log if record["metadata"]["role"] == role][:rows]
        lines = [
            {
                "timestamp": record["timestamp"],
                "request_id": record["request_id"],
                "row": record["row"],
                "label": record["model_output"],
                "observed_at": record["timestamp"],
            }
            for record in right
        ]
        self._land("labels", lines)

    def compare(self, at: datetime = NOW + timedelta(minutes=1)) -> ShadowComparison:
        self._land("request-log", self.log)
        lake = Lake(self.world.storage, catalog_in(self.world.storage), clock=lambda: at)
        return compare_shadow(
            self.world.storage, lake, self.definition, self.slot, clock=lambda: at
        )

    def _land(self, table: str, records: list[dict[str, Any]]) -> None:
        body = "".join(json.dumps(record) + "\n" for record in records).encode()
        self.world.storage.put(f"{table}/raw/model={MODEL}/{NOW:%Y/%m/%d/%H}/one", body)


def failed(trial: Trial, count: int, outcome: str = "failed") -> None:
    """Rewrite the log as if the challenger had not scored its first ``count`` rows."""
    lost = 0
    for record in list(trial.log):
        about = record["metadata"]
        if about["role"] == "champion" and lost < count:
            about["shadow"]["outcome"] = outcome
            trial.log[:] = [
                other for other in trial.log if other is record or key(other) != key(record)
            ]
            lost += 1


def test_one_that_keeps_up_is_promoted_with_what_was_seen(aws: Account) -> None:
    trial = Trial(aws)
    trial.serve(80)
    seen = trial.compare()
    by_role = [
        {key(r): r for r in trial.log if r["metadata"]["role"] == role}
        for role in ("champion", "shadow")
    ]
    same = [
        record["model_output"] == by_role[1][name]["model_output"]
        for name, record in by_role[0].items()
    ]
    assert seen.verdict == "promote"
    assert (seen.predictions, seen.errors) == (80, 0)
    assert seen.agreement == pytest.approx(np.mean(same))
    assert seen.output_distance is not None
    assert 0 <= seen.output_distance < 0.5
    assert seen.confidence_distance is not None
    assert 0 < seen.confidence_distance <= 1
    times = [r["metadata"]["inference_ms"] for r in by_role[1].values() if r["row"] == 0]
    assert seen.challenger_ms == pytest.approx(np.quantile(times, 0.95))
    assert (seen.labelled, seen.metric_champion, seen.probability_worse) == (0, None, None)


def test_too_few_predictions_wait_until_the_time_is_over(aws: Account) -> None:
    trial = Trial(aws)
    trial.serve(20)
    assert (trial.compare().verdict, trial.compare().reason) == ("waiting", "20 of 60 predictions")
    assert trial.compare(LATER).verdict == "promote"


def test_one_that_was_never_asked_is_refused_when_the_time_is_over(aws: Account) -> None:
    trial = Trial(aws)
    assert trial.compare().verdict == "waiting"
    refused = trial.compare(LATER)
    assert refused.verdict == "reject"
    assert "scored no row" in refused.reason


@pytest.mark.parametrize("outcome", ["failed", "late", "resting"])
def test_one_that_does_not_answer_in_time_is_refused(aws: Account, outcome: str) -> None:
    trial = Trial(aws)
    trial.serve(80)
    failed(trial, 2, outcome)
    refused = trial.compare()
    assert refused.verdict == "reject"
    assert (refused.predictions, refused.errors) == (80, 2)
    assert "2 of 80 predictions; the limit is 1.0%" in refused.reason


def test_loading_is_not_held_against_it(aws: Account) -> None:
    trial = Trial(aws)
    trial.serve(80)
    failed(trial, 10, "loading")
    assert (trial.compare().verdict, trial.compare().predictions) == ("promote", 70)


def test_ground_truth_refuses_the_worse_and_not_the_better(aws: Account) -> None:
    trial = Trial(aws)
    trial.serve(400)
    trial.label("champion")
    worse = trial.compare()
    assert worse.metric_champion == 1.0
    assert worse.metric_challenger is not None
    assert worse.metric_challenger < 1
    assert worse.probability_worse is not None
    assert worse.probability_worse > 0.9
    assert worse.verdict == "reject"
    trial.label("shadow")
    better = trial.compare()
    assert (better.verdict, better.labelled, better.metric_challenger) == ("promote", 400, 1.0)
    trial.label("champion", rows=20)
    few = trial.compare()
    assert (few.verdict, few.labelled, few.probability_worse) == ("promote", 20, None)


def test_logged_confidences_are_scored_where_the_metric_is_of_probabilities(aws: Account) -> None:
    rule = Evaluation(metric="brier")
    trial = Trial(aws, NOTICED.model_copy(update={"evaluation": rule}))
    trial.serve(100)
    trial.label("champion")
    found = trial.compare()
    sure = [line["confidence"] for line in trial.log if line["metadata"]["role"] == "champion"]
    assert found.labelled == len(sure) == 100
    # The champion's label is the true one each time, so it lacks what its confidence lacks.
    assert found.metric_champion == pytest.approx(np.mean((1 - np.array(sure)) ** 2))
    assert found.metric_challenger != found.metric_champion
    assert found.probability_worse is not None


def test_logged_probabilities_of_many_classes_are_scored(aws: Account) -> None:
    rule = Evaluation(metric="brier")
    trial = Trial(aws, NOTICED.model_copy(update={"evaluation": rule}))
    trial.serve(100)
    trial.label("champion")
    lost = []
    for record in trial.log:  # as if there were a third class
        sure = 0.9 * record["confidence"]
        other = "on time" if record["model_output"] == "late" else "late"
        record["probabilities"] = {record["model_output"]: sure, other: 0.9 - sure, "early": 0.1}
        lost.append((1 - sure) ** 2 + (0.9 - sure) ** 2 + 0.01)
    lost = [lost[i] for i, r in enumerate(trial.log) if r["metadata"]["role"] == "champion"]
    found = trial.compare()
    assert found.labelled == 100
    assert found.metric_champion == pytest.approx(np.mean(lost))
    trial.log = [record for record in trial.log if "probabilities" in record]
    for record in trial.log[:1]:
        del record["probabilities"]  # logged before the metric was this one
    assert trial.compare().labelled == 99


def test_what_another_challenger_did_does_not_count(aws: Account) -> None:
    trial = Trial(aws)
    trial.serve(80)
    trial.slot = trial.slot.model_copy(update={"version": "3"})
    assert trial.compare().predictions == 0


VALUES = arrays(np.float64, 12, elements=st.floats(-1e3, 1e3, width=32))


@given(VALUES, VALUES)
def test_concordance_is_symmetric_bounded_and_one_for_equals(
    first: np.ndarray, second: np.ndarray
) -> None:
    value = concordance(first, second)
    assert -1 - 1e-9 <= value <= 1 + 1e-9
    assert value == pytest.approx(concordance(second, first))
    assert concordance(first, first) == pytest.approx(1.0)


def test_concordance_counts_an_offset_that_correlation_would_not_see() -> None:
    values = np.arange(10.0)
    assert concordance(values, values + 3) == pytest.approx(2 * 8.25 / (2 * 8.25 + 9))
