"""The plan of a deployment is read from what serves; what serves nothing has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.shared.deployment_plan import find_plan
from evergreen.evaluation.comparison import Comparison
from evergreen.model_definition import ModelDefinition
from evergreen.release.decision_log import DecisionRecord, decision_key
from tests.support.fixed_clock import NOW
from tests.support.target_in_process import TargetInProcess
from tests.support.trained_models import DEFINITION, promote

if TYPE_CHECKING:
    from tests.support.aws_in_process import Account


def test_only_what_serves_another_definition_has_a_plan(aws: Account) -> None:
    target = TargetInProcess.of(aws)
    other = DEFINITION.model_copy(update={"name": "other"})
    models = {"late_bus": DEFINITION, "other": other}
    assert find_plan(target, models) == {}  # nothing serves
    promote(target.storage, aws.production(), "1")
    assert find_plan(target, models) == {}  # nothing has changed
    values = DEFINITION.model_dump(exclude_none=True, exclude_defaults=True)
    values["features"]["gate"] = {"type": "float"}
    values["evaluation"] = {"metric": "recall"}
    models["late_bus"] = ModelDefinition.model_validate(values)
    [(model, plan)] = find_plan(target, models).items()
    assert (model, plan[0]) == ("late_bus", "gate (float) is added.")
    assert "metric" not in " ".join(plan)  # no decision tells which one it was
    compared = Comparison(
        decision="promote",
        metric="f1",
        metric_champion=None,
        metric_challenger=0.5,
        probability_better=None,
        interval=None,
        rows=9,
        reason="made up",
    )
    record = DecisionRecord(
        model="late_bus",
        decision="promote",
        decided_at=NOW,
        challenger="1",
        champion=None,
        reason="made up",
        comparison=compared,
        dataset_id="d",
        run_id="r",
        execution=None,
    )
    target.storage.put(decision_key(record), record.model_dump_json().encode())
    assert "The metric was f1 and is recall." in find_plan(target, models)["late_bus"]
