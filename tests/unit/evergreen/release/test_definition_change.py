"""What a deployment says of a changed definition is what happens."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from evergreen.bundle.content import Bundle, Signature, TrainedFeature
from evergreen.datasets.builder import require_columns
from evergreen.datasets.schema import schema
from evergreen.errors import NotEnoughDataError
from evergreen.evaluation.scoring import why_unscorable
from evergreen.model_definition import ModelDefinition
from evergreen.release.definition_change import find_change, plan_of

if TYPE_CHECKING:
    from collections.abc import Callable

VALUES: dict[str, Any] = {
    "name": "bus",
    "task": "regression",
    "target": "delay",
    "features": {
        "wind": {"type": "float"},
        "stops": {"type": "integer"},
        "line": {"type": "category"},
    },
}
BEFORE = ModelDefinition.model_validate(VALUES)
SIGNATURE = Signature(
    task="regression",
    target="delay",
    features=tuple(
        TrainedFeature(name=name, type=feature.type) for name, feature in BEFORE.features.items()
    ),
)


def add(values: dict[str, Any]) -> None:
    values["features"]["gate"] = {"type": "category"}


def add_nullable(values: dict[str, Any]) -> None:
    values["features"]["gate"] = {"type": "category", "nullable": True}


def drop(values: dict[str, Any]) -> None:
    del values["features"]["wind"]


def rename(values: dict[str, Any]) -> None:
    drop(values)
    values["features"]["gust"] = {"type": "float"}


def to_category(values: dict[str, Any]) -> None:
    values["features"]["stops"] = {"type": "category"}


def to_float(values: dict[str, Any]) -> None:
    values["features"]["stops"] = {"type": "float"}


def retarget(values: dict[str, Any]) -> None:
    values["target"] = "lateness"


def classify(values: dict[str, Any]) -> None:
    values["task"] = "classification"


def measure(values: dict[str, Any]) -> None:
    values["evaluation"] = {"metric": "mae"}


def reorder(values: dict[str, Any]) -> None:
    values["features"] = dict(reversed(values["features"].items()))


CHANGES = [
    *(add, add_nullable, drop, rename, to_category, to_float, retarget, classify, measure, reorder)
]


def changed(change: Callable[[dict[str, Any]], None]) -> ModelDefinition:
    values = copy.deepcopy(VALUES)
    change(values)
    return ModelDefinition.model_validate(values)


def plan(change: Callable[[dict[str, Any]], None], metric: str | None = "rmse") -> list[str]:
    definition = changed(change)
    return plan_of(find_change(definition, "7", SIGNATURE, metric), definition)


@pytest.mark.parametrize("change", CHANGES)
def test_the_plan_is_what_the_retraining_and_the_comparison_do(
    change: Callable[[dict[str, Any]], None],
) -> None:
    definition, said = changed(change), " ".join(plan(change))
    skipped = False
    try:
        require_columns(definition, schema(BEFORE))
    except NotEnoughDataError:
        skipped = True
    assert ("from the log is skipped" in said) == skipped
    alone = why_unscorable(definition, Bundle("7", SIGNATURE, b"")) is not None
    assert ("without a person" in said) == alone
    assert ("must win against it" in said) == (not alone and change not in {measure, reorder})


def test_each_difference_is_named_with_what_follows() -> None:
    assert plan(add)[0] == "gate (category) is added."
    assert plan(add)[-1].startswith("Once a version with gate serves, requests without are refused")
    assert "422" not in " ".join(plan(add_nullable))
    assert plan(drop)[0] == "wind is dropped."
    assert "The next retraining learns from the log, without wind." in plan(drop)
    assert plan(rename)[:2] == ["gust (float) is added.", "wind is dropped."]
    assert plan(rename)[2].startswith("If one of them was renamed")
    assert plan(to_category)[0] == "stops was integer and is category."
    assert "No logged row has stops" in " ".join(plan(to_category))
    assert "The next retraining learns from the log." in plan(to_float)
    assert plan(retarget)[0] == "The target was delay and is lateness."
    assert plan(classify)[0] == "The task was regression and is classification."
    assert plan(add)[1].startswith("Version 7 goes on as it is")


def test_a_new_name_of_a_feature_is_told_and_changes_nothing_else() -> None:
    [said] = plan(
        lambda values: values["features"].update(
            gust={**values["features"].pop("wind"), "renamed_from": "wind"}
        )
    )
    assert said.startswith("wind is called gust now.")


def test_what_runs_the_model_is_told_and_it_goes_on_both_ways() -> None:
    by_sklearn = ModelDefinition.model_validate({**VALUES, "serving": "sklearn"})
    [forth] = plan_of(find_change(by_sklearn, "7", SIGNATURE, None), by_sklearn)
    assert "a container image with scikit-learn, which serves version 7 too" in forth
    served = SIGNATURE.model_copy(update={"serving": "sklearn"})
    [back] = plan_of(find_change(BEFORE, "7", served, None), BEFORE)
    assert "goes on: the model's function keeps it" in back
    assert not find_change(by_sklearn, "7", served, None)


@pytest.mark.parametrize("classes", [("a", "b"), ("a", "b", "c")], ids=["two", "three"])
def test_rows_without_the_probabilities_of_many_classes_are_told(classes: tuple[str, ...]) -> None:
    values = VALUES | {"task": "classification", "evaluation": {"metric": "log_loss"}}
    now = ModelDefinition.model_validate(values)
    served = SIGNATURE.model_copy(update={"task": "classification", "classes": classes})
    told = plan_of(find_change(now, "7", served, "f1"), now)
    assert any("left out of the metric" in each for each in told) is (len(classes) > 2)


def test_another_metric_is_told_alone() -> None:
    first, second = plan(measure)
    assert first == "The metric was rmse and is mae."
    assert second.startswith("From the next drift check")
    assert plan(measure, metric=None) == []  # what it was promoted by is not known
    assert plan(reorder) == []


def test_many_features_are_not_all_named() -> None:
    def many(values: dict[str, Any]) -> None:
        values["features"] |= {f"f{n}": {"type": "float"} for n in range(14)}

    assert "f9 and 4 more" in " ".join(plan(many))
