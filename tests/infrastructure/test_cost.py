"""What a deployment costs, unused and used, against sums made by hand and the docs' table."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from cdk.constructs.building.assets import ROOT
from cdk.constructs.serving.model_endpoint import ENDPOINT
from cdk.cost.standing import BILLED_BY_USE, Cost, read_prices, scheduled_costs, standing_costs
from cdk.cost.usage import ANSWER_SECONDS, Traffic, metrics_a_model, usage_costs
from cdk.deployment import read_deployment
from cdk.settings import Settings
from cli.commands.cost import MILLIONS
from cli.main import app
from cli.shared import cost_tables
from tests.infrastructure.conftest import parts_of, synthesise_parts

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.infrastructure.conftest import Templates

PRICES = read_prices()
LIMIT = 5.0


def priced(templates: Any) -> dict[str, Cost]:
    return {each.what: each for each in standing_costs(templates, PRICES)}


def template(**resources: Any) -> dict[str, Any]:
    return {"Resources": resources}


def test_what_is_billed_by_number_by_hour_and_by_size_is_summed() -> None:
    found = priced(
        [
            template(
                A={"Type": "AWS::CloudWatch::Alarm"},
                B={"Type": "AWS::CloudWatch::Alarm"},
                Nat={"Type": "AWS::EC2::NatGateway"},
                Predict={
                    "Type": "AWS::Lambda::Function",
                    "Properties": {"MemorySize": 2048, "SnapStart": {}},
                },
                Other={"Type": "AWS::Lambda::Function", "Properties": {"MemorySize": 512}},
            )
        ]
    )
    assert set(found) == {"Alarms", "NAT gateway", "Snapshots of functions (SnapStart)"}
    assert found["Alarms"].dollars == found["Alarms"].free == pytest.approx(0.2)
    assert found["NAT gateway"].dollars == pytest.approx(730 * 0.045)
    snapshots = found["Snapshots of functions (SnapStart)"]
    assert snapshots.dollars == pytest.approx(2 * 730 * 3600 * 0.0000015046)


def test_the_services_cost_what_their_templates_have(fargate: Templates) -> None:
    found = {name: each.dollars for name, each in priced(fargate.values()).items()}
    assert found["Fargate, virtual CPUs"] == pytest.approx(730 * 0.75 * 0.04048)
    assert found["Fargate, GB of memory"] == pytest.approx(730 * 3 * 0.004445)
    assert found["Database db.t4g.micro"] == pytest.approx(730 * 0.016)
    assert found["Database, GB of disk"] == pytest.approx(20 * 0.115)
    assert found["Load balancer"] == pytest.approx(730 * 0.0225)
    assert found["CloudWatch dashboard"] == 3


def test_a_size_without_a_price_is_said_and_not_counted() -> None:
    database = {"DBInstanceClass": "db.x2g.large", "AllocatedStorage": "20"}
    found = standing_costs(
        [template(D={"Type": "AWS::RDS::DBInstance", "Properties": database})], PRICES
    )
    assert [each.dollars for each in found] == [None, pytest.approx(2.3)]
    assert [row[2] for row in cost_tables.cost_rows(found)] == ["?", "$2.30", "$2.30"]


@pytest.mark.parametrize("size", ["aws", "fargate"])
def test_no_kind_of_resource_is_forgotten(size: str, request: pytest.FixtureRequest) -> None:
    known = ("AWS::EC2::VPCEndpoint", "AWS::RDS::DBInstance")
    for one in request.getfixturevalue(size).values():
        for each in one["Resources"].values():
            kind = each["Type"]
            if not kind.startswith((*BILLED_BY_USE, *known)):
                assert priced([template(Each={"Type": kind})]), kind


def test_schedules_write_metrics_in_the_hours_in_which_they_run(models: Path) -> None:
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    deployment = read_deployment({**context, "compaction_period": "2 hours"}, models)
    delays = [deployment.models["flight_delay"]]
    metrics, runs = scheduled_costs(delays, deployment.settings, PRICES)
    assert metrics.count == pytest.approx(0.5 + 1)  # compaction, and a check each hour
    assert metrics.dollars == pytest.approx(1.5 * 0.30)
    assert runs.count == pytest.approx(730 / 2 + 730)


def test_the_default_costs_less_than_five_dollars_and_the_docs_have_its_table(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synthesise_parts({}, models, tmp_path)
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    deployment = read_deployment(context, models)
    costs = [
        *standing_costs(parts_of(tmp_path).values(), PRICES),
        *scheduled_costs(deployment.models.values(), deployment.settings, PRICES),
    ]
    assert sum(each.dollars or 0 for each in costs) < LIMIT  # at list price
    page = (ROOT / "docs" / "services.md").read_text()
    assert as_table(cost_tables.cost_rows(costs)) in page
    used = cost_tables.usage_of({}, PRICES, [*MILLIONS], 1)
    assert as_table(cost_tables.usage_rows(used)) in page

    monkeypatch.setattr(cost_tables, "costs_of", lambda *_: costs)
    told = json.loads(CliRunner().invoke(app, ["cost", "--json", "--predictions", "7"]).stdout)
    assert told["date"] == PRICES.date.isoformat()
    assert [each["what"] for each in told["costs"]] == [each.what for each in costs]
    assert [each["predictions"] for each in told["usage"]] == [7]


def as_table(rows: Iterable[Iterable[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def test_predictions_are_billed_by_request_row_and_metric(models: Path) -> None:
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    deployment = read_deployment(context, models)
    delays = [deployment.models["flight_delay"]]

    def dollars(predictions: float, rows: int) -> dict[str, float]:
        traffic = Traffic(predictions, rows)
        lines = usage_costs(traffic, delays, deployment.settings, PRICES)
        return {each.what: each.dollars or 0 for each in lines}

    single, batches = dollars(1e6, 1), dollars(1e6, 100)
    assert single["Requests at the API"] == pytest.approx(3.5)
    assert batches["Requests at the API"] == pytest.approx(0.035)
    # A record of one row is billed as 5 KB, one of 100 rows as the 90 KB that it has.
    assert single["Request log: Firehose"] == pytest.approx(1e6 * 5 / 1024**2 * 0.029)
    assert batches["Request log: Firehose"] == pytest.approx(1e4 * 90 / 1024**2 * 0.029)
    assert single["Request log: compaction"] == batches["Request log: compaction"]
    assert single["Metrics of answers"] == batches["Metrics of answers"] == pytest.approx(38 * 0.3)


def test_the_number_of_metrics_does_not_grow_with_callers_unless_all_is_watched() -> None:
    lean, full = Settings(), Settings(monitoring="full")
    assert metrics_a_model(full) == metrics_a_model(lean) + 10


def test_the_table_of_containers_is_what_the_formula_gives() -> None:
    price = {name: each.dollars for name, each in PRICES.prices.items()}
    page = (ROOT / "docs" / "containers.md").read_text()
    rows = re.findall(r"\| ([\d,]+) a second \| .* \| \$([\d,]+) \| \$([\d,]+), (\w+) tasks?", page)
    assert len(rows) == 4
    for rate, functions, containers, tasks in rows:
        a_second = int(rate.replace(",", ""))
        requests = a_second * 3600 * PRICES.hours
        seconds = ANSWER_SECONDS * ENDPOINT.memory / 1024
        by_use = requests * (
            price["api_request"] + price["invocation"] + seconds * price["function"]
        )
        number = {"one": 1, "two": 2, "four": 4}[tasks]
        units = a_second * 2000 * 3600 / 1e9
        by_hour = PRICES.hours * (
            number * (price["fargate_cpu"] + 2 * price["fargate_gb"])
            + price["load_balancer"]
            + units * price["load_balancer_unit"]
        )
        assert (functions, containers) == (f"{by_use:,.0f}", f"{by_hour:,.0f}")
