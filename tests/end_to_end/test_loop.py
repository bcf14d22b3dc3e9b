"""The whole deployed loop: traffic, drift check, training, evaluation and promotion."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pyarrow.parquet as pq
import pytest
from mlflow import MlflowClient

from cli.shared.alert_settings import Alerting
from cli.shared.demo_steps import MODEL, MODELS, OnceAround, Story, Summary, example_row
from cli.shared.progress import Steps
from evergreen.clock import utc_now
from evergreen.drift.episodes.state import Episodes
from evergreen.drift.episodes.transitions import CheckFindings, next_episodes
from evergreen.drift.log import read_drift_decisions
from evergreen.lake.tables import REQUEST_LOG
from evergreen.metrics.catalog import MODEL_DIMENSION, NAMESPACE, SPECS
from evergreen.model_definition import find_definition
from evergreen.production import Production
from evergreen.release.decision_log import read_decision_records
from tests.support.executions import statuses_since
from tests.support.webhook_receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from cli.shared.target import Target
    from evergreen.events import Trigger

COMMON = {
    "timestamp",
    "reference_dataset_id",
    "subject_dataset_id",
    "check_id",
    "model",
    "model_version",
    "window_start",
    "window_end",
    "rows",
}
UNIVARIATE = {
    "feature_name",
    "drifted",
    "p_value",
    "threshold",
    "method",
    "effect_size",
    "effect_threshold",
}
MULTIVARIATE = {"drifted", "model_accuracy", "threshold", "auc", "p_value", "top_features"}


@dataclass(frozen=True, slots=True)
class Round:
    """One run of the loop, and the note in the metadata of its rows."""

    summary: Summary
    note: str
    began: datetime


@pytest.fixture(scope="module")
def receiver(deployed: Target) -> Iterator[Receiver]:
    with Receiver() as receiver:
        Alerting(deployed).set_webhook(receiver.address)
        try:
            yield receiver
        finally:
            Alerting(deployed).remove_webhook()


@pytest.fixture(scope="module")
def once(deployed: Target, receiver: Receiver) -> Round:
    began = utc_now()
    # Fewer flights than the demonstration, and months in which the old champion has aged so much
    # that the first or second challenger beats it on any sample.
    # It waits for the schedule, so that what the schedule starts is proved.
    story = Story(replayed=(5, 6, 7), fraction=0.15, patience=timedelta(minutes=5))
    with Steps() as steps:
        around = OnceAround(deployed, story, steps)
        return Round(around.run(), around.note, began)


def test_every_row_served_is_in_the_log(once: Round) -> None:
    assert once.summary.rows_served > 3000
    assert once.summary.rows_logged == once.summary.rows_served


def test_after_compaction_the_table_alone_holds_every_row_once(
    once: Round, deployed: Target, tmp_path: Path
) -> None:
    rows = []
    for item in deployed.storage.list(f"request-log/table/model={MODEL}/"):
        if item.key.endswith(".parquet"):
            file = tmp_path / item.key.rsplit("/", 1)[-1]
            file.write_bytes(deployed.storage.get(item.key) or b"")
            rows += pq.read_table(file).to_pylist()
    ours = [row for row in rows if json.loads(row["metadata"]).get("replay") == once.note]
    keys = {tuple(row[name] for name in REQUEST_LOG.key) for row in ours}
    assert len(ours) == len(keys) == once.summary.rows_served
    assert not list(deployed.storage.list("rejected/"))


def test_the_drift_log_has_both_kinds_of_test(once: Round, deployed: Target) -> None:
    assert once.summary.drift_detected >= 1
    records = [
        json.loads(line)
        for item in deployed.storage.list(f"drift/log/model={MODEL}/")
        for line in (deployed.storage.get(item.key) or b"").splitlines()
    ]
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        assert record.keys() >= COMMON
        by_kind.setdefault(record["kind"], []).append(record)
    assert all(record.keys() >= UNIVARIATE for record in by_kind["univariate"])
    assert all(record.keys() >= MULTIVARIATE for record in by_kind["multivariate"])
    assert any(record["drifted"] for record in by_kind["univariate"])
    assert any(record["drifted"] for record in by_kind["multivariate"])
    assert {record["verdict"] for record in by_kind["decision"]} >= {"drift"}


def test_people_are_told_once_of_each_episode_and_of_the_promotion(
    once: Round, deployed: Target, receiver: Receiver
) -> None:
    promotion = f"[info] {MODEL}: version {once.summary.champion_after} is in production"
    receiver.wait_for(promotion, f"[info] {MODEL}: drift has cleared")
    decisions = read_drift_decisions(deployed.storage, MODEL, once.began, utc_now())
    state = Episodes(model=MODEL)
    for each in decisions:
        known = each.verdict != "insufficient_data"
        moved: dict[Trigger, bool] = {"data_drift": each.verdict == "drift"} if known else {}
        state = next_episodes(state, CheckFindings(each, each.timestamp, moved))
    # Only the episode of the old version. An episode of the new version may have begun since.
    version = once.summary.champion_before
    begun = [
        each
        for each in state.outbox
        if each.news == "began" and each.episode and each.episode.model_version == version
    ]
    told = [
        body
        for body in receiver.heard
        if f"{MODEL}: data drift detected" in body["text"]
        and {"type": "mrkdwn", "text": f"*Version*\n{version}"} in body["blocks"][2]["fields"]
    ]
    assert len(told) == len(begun) >= 1
    assert receiver.titles().count(promotion) == 1
    link = json.dumps(told[0]).partition("<http")[2].partition("|")[0]
    page = httpx.get(f"http{link}", timeout=60)
    assert page.headers["content-type"]
    assert "<html" in page.text


def test_the_state_machine_succeeded_and_promoted(once: Round, deployed: Target) -> None:
    assert once.summary.promoted == 1
    assert once.summary.champion_after != once.summary.champion_before
    champion, challenger = once.summary.metric_champion, once.summary.metric_challenger
    assert champion is not None
    assert challenger is not None
    assert challenger > champion
    statuses = statuses_since(deployed, once.began)
    assert "SUCCEEDED" in statuses
    assert statuses <= {"SUCCEEDED", "RUNNING"}


def test_the_execution_knows_on_what_ground_it_was_started(once: Round, deployed: Target) -> None:
    checks = read_drift_decisions(deployed.storage, MODEL, once.began, utc_now())
    grounds = {check.because for check in checks if check.start_retraining}
    assert grounds == {("data_drift",)}
    (execution,) = (
        item.execution
        for item in read_decision_records(deployed.storage, MODEL)
        if item.execution and item.challenger == once.summary.champion_after
    )
    ended = deployed.client("stepfunctions").describe_execution(executionArn=execution)
    assert json.loads(ended["output"])["because"] == ["data_drift"]


def test_a_challenger_that_beat_what_is_no_longer_there_is_not_promoted(
    once: Round, deployed: Target
) -> None:
    first, *more = [
        item
        for item in read_decision_records(deployed.storage, MODEL)
        if item.execution and item.decision == "promote" and item.decided_at >= once.began
    ]
    assert first.comparison is not None
    assert first.comparison.champion == once.summary.champion_before
    assert [first, *more][-1].challenger == once.summary.champion_after
    request = {"model": MODEL, "challenger": once.summary.champion_before, "execution": "arn"}
    judged = first.comparison.model_copy(update={"champion": "99"}).model_dump(mode="json")
    answer = deployed.client("lambda").invoke(
        FunctionName=f"evergreen-{deployed.stage}-promote",
        Payload=json.dumps({**judged, **request}).encode(),
    )
    # The state machine catches this name and evaluates again.
    assert json.loads(answer["Payload"].read())["errorType"] == "OutdatedComparisonError"


def test_exactly_one_version_is_in_production(once: Round, deployed: Target) -> None:
    client = MlflowClient(tracking_uri=deployed.mlflow_uri)
    versions = client.search_model_versions(f"name = '{MODEL}'")
    in_production = [item.version for item in versions if item.tags.get("stage") == "prod"]
    assert [str(version) for version in in_production] == [once.summary.champion_after]
    champion = client.get_model_version_by_alias(MODEL, "champion")
    assert str(champion.version) == once.summary.champion_after
    pointer = Production(deployed.stage, deployed.client("ssm")).read(MODEL)
    assert pointer is not None
    assert pointer.version == once.summary.champion_after
    assert pointer.previous == once.summary.champion_before


def test_the_api_answers_with_the_promoted_version(once: Round, deployed: Target) -> None:
    began = utc_now()
    body = {"instances": [example_row()], "metadata": {"replay": "by hand"}}
    tensor = {
        "inputs": [
            {
                "name": name,
                "shape": [1],
                "datatype": "BYTES" if isinstance(value, str) else "FP32",
                "data": [value],
            }
            for name, value in example_row().items()
        ]
    }
    headers = {"x-api-key": deployed.api_key}
    with httpx.Client(base_url=deployed.api_url, headers=headers, timeout=60) as client:
        ours = client.post(f"/models/{MODEL}/predict", json=body).raise_for_status().json()
        alias = client.post(f"/models/{MODEL}/invocations", json=body).raise_for_status().json()
        oip = client.post(f"/v2/models/{MODEL}/infer", json=tensor).raise_for_status().json()
    assert ours["model_version"] == alias["model_version"] == once.summary.champion_after
    assert oip["model_version"] == once.summary.champion_after
    assert ours["predictions"] == alias["predictions"]
    assert oip["outputs"][0]["data"] == ours["predictions"]
    logged = deployed.lake.predictions(find_definition(MODELS, MODEL), began, utc_now())
    assert {ours["request_id"], alias["request_id"]} <= set(logged["request_id"].to_pylist())


def test_every_metric_reaches_cloudwatch_as_a_total_and_told_apart(
    once: Round, deployed: Target
) -> None:
    cloudwatch = deployed.client("cloudwatch")
    found = {
        (metric["MetricName"], frozenset(each["Name"] for each in metric["Dimensions"]))
        for page in cloudwatch.get_paginator("list_metrics").paginate(Namespace=NAMESPACE)
        for metric in page["Metrics"]
        if {"Name": MODEL_DIMENSION, "Value": MODEL} in metric["Dimensions"]
    }
    assert once.summary.rows_served
    # What the gateway refuses reaches no model.
    specs = [spec for spec in SPECS if spec.emitter != "gateway"]
    totals = {(spec.metric.value, frozenset([MODEL_DIMENSION])) for spec in specs}
    apart = {
        (spec.metric.value, frozenset([MODEL_DIMENSION, spec.by])) for spec in specs if spec.by
    }
    assert (totals | apart) - found == set()
