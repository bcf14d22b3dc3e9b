"""With ``engine = "athena"`` the real state machines run to their end: a check, a retraining."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from cli.commands.check_drift import run_check_now
from cli.shared.examples import find_example
from cli.shared.loop_observation import Loop
from cli.shared.replaying import Pace, replay
from cli.shared.traffic import Api
from evergreen.clock import utc_now
from evergreen.deployment.by_hand import train_and_promote
from evergreen.lake.query_places import QUERIES
from evergreen.release.decision_log import read_decision_records
from tests.support.executions import states_entered

if TYPE_CHECKING:
    from cli.shared.target import Target
    from tests.support.athena_server import AthenaOnDuckDb

MODEL = "daily_ridership"
NOTE = "sent once"
QUERIED = {"Query the log", "Remove the query's output"}


def test_a_drift_check_and_a_retraining_run_on_queries(
    deployed: Target, athena: AthenaOnDuckDb
) -> None:
    example, began = find_example(MODEL), utc_now()
    definition = example.definition
    loop = Loop(deployed, definition)
    data = example.load(example.trained_on, example.fraction)
    first = train_and_promote(
        deployed, definition, example.folder, data, example.source, lambda _: None
    )
    with Api.of(deployed) as api:
        loop.wait_until_serving(api, first.challenger)
        sent = replay(
            api,
            definition,
            example.load((2008,), example.fraction),
            pace=Pace(batch_rows=example.batch_rows),
            metadata={"replay": NOTE},
        )
    assert loop.wait_for_log(began, NOTE, sent.rows) == sent.rows >= 365
    answer = run_check_now(deployed, MODEL, timedelta(hours=1), None, report=False)
    assert answer["verdict"] == "drift"
    [retraining] = loop.wait_for_executions(began, 1)
    assert retraining.promoted

    client = deployed.client("stepfunctions")
    machines = client.list_state_machines()["stateMachines"]
    assert len(machines) == 2
    for machine in machines:
        arn = machine["stateMachineArn"]
        executions = client.list_executions(stateMachineArn=arn)["executions"]
        # A schedule may have checked before there was anything to query.
        assert {each["status"] for each in executions} == {"SUCCEEDED"}
        entered = [{*states_entered(deployed, each["executionArn"])} for each in executions]
        assert any(each >= QUERIED for each in entered)
    queries = athena.queries.values()
    assert {each["Status"]["State"] for each in queries} == {"SUCCEEDED"}
    for part in ("window_rows", "fresh_rows"):
        assert any(part in each["Query"] for each in queries)
    # The data set has the rows that the query found.
    records = read_decision_records(deployed.storage, MODEL)
    [record] = [each for each in records if each.challenger == retraining.output["challenger"]]
    manifest = deployed.storage.get_json(f"datasets/{MODEL}/{record.dataset_id}/manifest.json")
    assert manifest["rows"] > 365
    assert not [*deployed.storage.list(f"{QUERIES}rows/")]
