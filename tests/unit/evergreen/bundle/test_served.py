"""A bundle serves what it was trained on; the rest of its definition is that of model.toml."""

from __future__ import annotations

from evergreen.bundle.content import Signature, TrainedFeature
from evergreen.bundle.served import (
    accepted_categories,
    served_definition,
    with_known_labels,
)
from evergreen.model_definition import GroundTruth, ModelDefinition
from evergreen.training.onnx_export import export_bundle
from tests.support.trained_models import DEFINITION, pipeline, training_columns

DEFINED = ModelDefinition.model_validate(
    {
        "name": "bus",
        "task": "regression",
        "target": "delay",
        "features": {
            "wind": {"type": "float", "min": 0, "max": 9, "nullable": True},
            "stops": {"type": "category"},
            "rain": {"type": "float"},
        },
        "request_log": {"redact": ["wind"], "flush_seconds": 77},
        "evaluation": {"metric": "rmse", "confidence": 0.8},
    }
)


def trained(*features: TrainedFeature, task: str = "regression") -> ModelDefinition:
    signature = Signature.model_validate({"task": task, "target": "late", "features": features})
    return served_definition(DEFINED, signature)


def test_features_task_and_target_are_the_bundle_s() -> None:
    served = trained(
        TrainedFeature(name="stops", type="integer"),
        TrainedFeature(name="wind", type="float", min=-100, max=100),
    )
    assert [*served.features] == ["stops", "wind"]
    assert (served.features["stops"].type, served.target) == ("integer", "late")
    assert (served.name, served.request_log.flush_seconds) == ("bus", 77)
    assert served.evaluation == DEFINED.evaluation


def test_a_plausible_range_is_the_definition_s_and_null_is_as_trained() -> None:
    served = trained(
        TrainedFeature(name="wind", type="float", min=-100, max=100),
        TrainedFeature(name="stops", type="integer", min=1, max=2),
    )
    wind, stops = served.features.values()
    assert (wind.min, wind.max, wind.nullable) == (0, 9, False)
    assert (stops.min, stops.max) == (None, None)


def test_another_task_has_the_metric_of_its_own() -> None:
    served = trained(TrainedFeature(name="wind", type="float"), task="classification")
    assert (served.task, served.metric) == ("classification", "f1")
    assert ModelDefinition.model_validate(served.model_dump(exclude_none=True)) == served


def test_what_was_kept_out_of_the_log_stays_out_when_the_definition_forgets_it() -> None:
    features = (
        TrainedFeature(name="secret", type="float", redacted=True),
        TrainedFeature(name="open", type="float"),
        TrainedFeature(name="wind", type="float"),
        TrainedFeature(name="stops", type="category", redacted=True),
    )
    # The definition still has stops, and no longer keeps it out.
    assert trained(*features).request_log.redact == ("secret", "wind")


def test_the_same_definition_serves_itself() -> None:
    redacted = DEFINITION.request_log.model_copy(update={"redact": ("stops",)})
    definition = DEFINITION.model_copy(update={"request_log": redacted})
    bundle = export_bundle(pipeline(), definition, training_columns(), "1")
    served = served_definition(definition, bundle.signature)
    learnt = GroundTruth(classes=bundle.signature.classes)
    assert served == definition.model_copy(update={"ground_truth": learnt})
    without = {k: v for k, v in definition.features.items() if k != "stops"}
    forgot = DEFINITION.model_copy(update={"features": without})
    assert served_definition(forgot, bundle.signature).request_log.redact == ("stops",)


def learnt(truth: GroundTruth, **of: object) -> GroundTruth:
    signature = Signature.model_validate(
        {"task": DEFINED.task, "target": DEFINED.target, "features": (), **of}
    )
    definition = DEFINED.model_copy(update={"ground_truth": truth})
    return with_known_labels(definition, signature).ground_truth


def test_a_plausible_label_is_within_ten_times_the_range_of_training() -> None:
    assert learnt(GroundTruth(), label_range=(-1, 3)) == GroundTruth(min=-41, max=43)
    assert learnt(GroundTruth(min=0), label_range=(-1, 3)) == GroundTruth(min=0, max=43)
    # Nothing is known of a model of before, of one label, or of another target.
    assert learnt(GroundTruth()) == GroundTruth()
    assert learnt(GroundTruth(), label_range=(2, 2)) == GroundTruth()
    assert learnt(GroundTruth(), label_range=(-1, 3), target="other") == GroundTruth()


def test_the_classes_are_those_of_the_bundle_unless_they_are_declared() -> None:
    definition = DEFINITION.model_copy(update={"ground_truth": GroundTruth()})
    signature = Signature(
        task="classification", target=DEFINITION.target, features=(), classes=("no", "yes")
    )
    assert with_known_labels(definition, signature).ground_truth.classes == ("no", "yes")
    declared = GroundTruth.model_validate({"classes": [True, 1, "maybe"]})
    definition = DEFINITION.model_copy(update={"ground_truth": declared})
    assert with_known_labels(definition, signature).ground_truth.classes == ("True", "1", "maybe")


def test_only_listed_categories_are_taken_unless_they_are_only_counted() -> None:
    known = ("U1", "U2", "U9")
    closed = TrainedFeature(
        name="stops", type="category", categories=("", "U1", "U2", "S1"), closed=True
    )
    opened = closed.model_copy(update={"closed": False, "nullable": True})
    for unknown, trained_as, expected in (
        (None, opened, {*known, ""}),
        ("refuse", closed, {"U1", "U2"}),
        ("count", opened, None),
        ("count", closed, {"", "U1", "U2", "S1"}),
    ):
        values = {"type": "category", "known": known, "unknown": unknown}
        definition = ModelDefinition.model_validate(
            {**DEFINED.model_dump(exclude_none=True), "features": {"stops": values}}
            | {"request_log": {}}
        )
        signature = Signature(task="regression", target="late", features=(trained_as,))
        served = served_definition(definition, signature)
        assert served.features["stops"].known == known
        assert accepted_categories(served, signature).get("stops") == expected
