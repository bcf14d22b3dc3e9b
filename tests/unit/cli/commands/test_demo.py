"""What the demo says at its end, from its summary."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from cli.commands import demo
from cli.shared.demo_steps import Summary

if TYPE_CHECKING:
    from cli.shared.target import Target
    from local.stack import Stack

SUMMARY = Summary(
    model="flight_delay",
    rows_served=8371,
    rows_logged=8371,
    drift_checks=2,
    drift_checks_started_by_demo=1,
    drift_detected=1,
    retrainings=1,
    promoted=1,
    champion_before="1",
    champion_after="2",
    metric="f1",
    metric_champion=0.387,
    metric_challenger=None,
    periods_replayed=("March",),
    seconds={"services": 19.0, "deploy": 54.2, "serving": 0.3, "drift": 55.1},
)


def test_the_last_table_says_where_the_time_went() -> None:
    rows = demo._rows(SUMMARY)
    assert rows[-4:] == [
        ("Time taken", "129 s"),
        ("  start the services", "19 s"),
        ("  deploy", "54 s"),
        ("  wait for drift checks", "55 s"),
    ]
    assert dict(rows)["Drift checks"] == "2, 1 started by the demo, 1 found drift"
    assert dict(rows)["F1 on the same holdout"] == "champion 0.387, challenger –"


@pytest.mark.parametrize(
    ("after", "says"), [("2", "version 1 → 2"), ("1", "version 1 stays: no challenger was better")]
)
def test_what_serves_is_what_the_pointer_says(after: str, says: str) -> None:
    """Whoever promoted it: a retraining may have begun before the demonstration."""
    rows = dict(demo._rows(replace(SUMMARY, promoted=0, champion_after=after)))
    assert rows["In production"] == says


def test_as_json_it_has_the_summary_and_the_addresses() -> None:
    # A target is only asked for its outputs here; a real one needs a deployment.
    outputs = {"StateMachineArn": "arn", "BucketName": "bucket"}
    target = SimpleNamespace(api_url="http://api", output=outputs.__getitem__)
    stack = SimpleNamespace(mlflow_uri="http://mlflow")
    document = demo._document(SUMMARY, cast("Target", target), cast("Stack", stack))
    assert json.loads(json.dumps(document))["periods_replayed"] == ["March"]
    assert document["rows_served"] == 8371
    assert document["mlflow_url"] == "http://mlflow/#/models/flight_delay"
    assert (document["state_machine"], document["bucket"]) == ("arn", "bucket")
