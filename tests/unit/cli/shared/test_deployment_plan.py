"""The plan of a deployment is read from what serves; what serves nothing has none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cli.shared.deployment_plan import find_plan, models_of_sklearn
from evergreen.evaluation.comparison import Comparison
from evergreen.model_definition import ModelDefinition
from evergreen.production import ShadowSlot
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


def test_a_function_keeps_scikit_learn_while_a_version_needs_it(aws: Account) -> None:
    target, models = TargetInProcess.of(aws), {"late_bus": DEFINITION}
    promote(target.storage, aws.production(), "2")
    assert models_of_sklearn(target, models) == []
    key = "bundles/late_bus/1/signature.json"
    signature = json.loads(target.storage.get("bundles/late_bus/2/signature.json") or b"")
    target.storage.put(key, json.dumps(signature | {"serving": "sklearn"}).encode())
    pointer = aws.production().read("late_bus")
    assert pointer is not None
    shadow = ShadowSlot(version="1", bundle_uri="s3://data/", sha256="0", started_at=NOW)
    for update in ({"version": "1"}, {"previous": "1"}, {"shadow": shadow}):
        aws.production().write("late_bus", pointer.model_copy(update=update))
        assert models_of_sklearn(target, models) == ["late_bus"]
    by_sklearn = DEFINITION.model_copy(update={"serving": "sklearn"})
    assert models_of_sklearn(target, {"late_bus": by_sklearn}) == []
    aws.production().write("late_bus", pointer.model_copy(update={"previous": "deleted"}))
    assert models_of_sklearn(target, models) == []
