"""The deployed loop with the other two examples: a regression and a time series.

The challenger of the regression goes through the shadow before it is promoted.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pytest
from mlflow import MlflowClient

from cli.shared.demo_steps import OnceAround, Story, Summary, example_row
from cli.shared.progress import Steps
from evergreen.clock import utc_now
from evergreen.drift.log import read_drift_decisions
from evergreen.evaluation.report import ARTIFACT, REPORT_DATA, REPORT_PAGE
from evergreen.production import Production
from evergreen.release.decision_log import read_decision_records
from tests.support.executions import states_entered, statuses_since
from tests.support.shadow_stage import SHADOWED, shadow_stage

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from cli.shared.target import Target

# One later period each, in which the old champion is worse. So the loop is short but complete.
STORIES = {
    "flight_duration": Story("flight_duration", replayed=(5,), fraction=0.15),
    "daily_ridership": Story("daily_ridership", replayed=(2008,)),
}
BESIDE = {
    "flight_duration": {"mae"},
    "daily_ridership": {"mae", "mase", "rmse_seasonal_naive", "rmse_worst_window"},
}

PICTURES = {
    "flight_duration": {"residuals", "residual_histogram", "improvement"},
    "daily_ridership": {"residuals", "residual_histogram", "improvement", "forecasts", "origins"},
}


@dataclass(frozen=True, slots=True)
class Round:
    """One run of the loop of one model, its start, and the rows that its shadow scored."""

    model: str
    began: datetime
    summary: Summary
    in_the_shadow: list[dict[str, Any]]


@pytest.fixture(scope="module", params=sorted(STORIES))
def once(
    request: pytest.FixtureRequest, deployed: Target, tmp_path_factory: pytest.TempPathFactory
) -> Round:
    model, began = request.param, utc_now()
    with ExitStack() as stack:
        stage = None
        if model == SHADOWED:
            stage = stack.enter_context(shadow_stage(deployed, tmp_path_factory.mktemp("shadow")))
            stack.enter_context(stage.asked_all_the_time())
        steps = stack.enter_context(Steps())
        summary = OnceAround(deployed, STORIES[model], steps).run()
        rows = stage.rows(began, "shadow") if stage else []
    return Round(model, began, summary, rows)


def test_every_row_served_is_in_the_log(once: Round) -> None:
    assert once.summary.rows_served >= 365
    assert once.summary.rows_logged == once.summary.rows_served


def test_drift_is_checked_and_the_retraining_comes_to_a_decision(
    once: Round, deployed: Target
) -> None:
    model, summary = once.model, once.summary
    assert summary.drift_detected >= 1
    verdicts = read_drift_decisions(deployed.storage, model, once.began, utc_now())
    assert any(verdict.start_retraining for verdict in verdicts)
    assert summary.retrainings >= 1
    assert summary.metric == "rmse"
    champion, challenger = summary.metric_champion, summary.metric_challenger
    assert champion is not None
    assert challenger is not None
    assert challenger < champion
    assert summary.promoted == 1
    # No retraining failed, of this model or of another.
    assert statuses_since(deployed, once.began) <= {"SUCCEEDED", "RUNNING"}


def test_the_decision_holds_the_metrics_beside_the_deciding_one(
    once: Round, deployed: Target
) -> None:
    model, summary = once.model, once.summary
    records = [
        deployed.storage.get_json(item.key)
        for item in deployed.storage.list(f"decisions/model={model}/")
    ]
    [record] = [item for item in records if item["challenger"] == summary.champion_after]
    for side in ("beside_champion", "beside_challenger"):
        assert set(record["comparison"][side]) == BESIDE[model]
    client = MlflowClient(tracking_uri=deployed.mlflow_uri)
    metrics = client.get_run(record["run_id"]).data.metrics
    assert {f"holdout_{name}" for name in BESIDE[model]} <= metrics.keys()
    comparison = record["comparison"]
    assert (comparison["seen_by_champion"], comparison["seen_by_challenger"]) == (0, 0)
    assert comparison["report_uri"] == f"runs:/{record['run_id']}/{ARTIFACT}/{REPORT_PAGE}"
    kept = {item.path for item in client.list_artifacts(record["run_id"], ARTIFACT)}
    pictures = {f"{name}.png" for name in PICTURES[model]}
    assert kept == {f"{ARTIFACT}/{name}" for name in {REPORT_PAGE, REPORT_DATA, *pictures}}
    manifest = deployed.storage.get_json(f"datasets/{model}/{record['dataset_id']}/manifest.json")
    assert manifest["window"]["rows"] == manifest["train_rows"]
    assert 0 <= manifest["label_delay"]["median"] <= manifest["label_delay"]["max"]


def test_the_api_answers_with_the_version_in_production(once: Round, deployed: Target) -> None:
    model, summary = once.model, once.summary
    pointer = Production(deployed.stage, deployed.client("ssm")).read(model)
    assert pointer is not None
    assert pointer.version == summary.champion_after
    headers = {"x-api-key": deployed.api_key, "content-type": "application/json"}
    with httpx.Client(base_url=deployed.api_url, headers=headers, timeout=60) as client:
        body = json.dumps({"instances": [example_row(model)]})
        answer = client.post(f"/models/{model}/predict", content=body).raise_for_status().json()
    assert answer["model_version"] == summary.champion_after
    assert answer["confidences"] is None
    [prediction] = answer["predictions"]
    assert isinstance(prediction, float)


def test_a_challenger_goes_through_the_shadow_before_it_is_promoted_if_the_model_says_so(
    once: Round, deployed: Target
) -> None:
    records = read_decision_records(deployed.storage, once.model)
    (last,) = [item for item in records if item.decided_at > once.began and item.execution]
    entered = states_entered(deployed, last.execution or "")
    if once.model != SHADOWED:
        assert "Put it into the shadow" not in entered
        assert once.in_the_shadow == []
        return
    pointer = Production(deployed.stage, deployed.client("ssm")).read(once.model)
    assert pointer is not None
    assert pointer.shadow is None
    assert last.challenger == pointer.version
    assert "in the shadow it kept up for" in last.reason
    assert entered.index("Evaluate both") < entered.index("Put it into the shadow")
    assert entered.index("Compare in the shadow") < entered.index("Promote the challenger")
    shadowed = [row for row in once.in_the_shadow if row["model_version"] == pointer.version]
    assert len(shadowed) >= 40
    assert np.isfinite([row["model_output"] for row in shadowed]).all()
